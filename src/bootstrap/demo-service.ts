/** The person whom the first link signs in: an operator, and a member of the demo service who may do everything. */
export const demoOperator = {
  name: 'Rowan Hill',
  emailAddress: 'rowan.hill@harbour-library.example',
  mobileNumber: '+447700900987',
} as const;

/** The service in an empty database, for trying the product out. */
export const demoService = {
  name: 'Harbour Library',
  emailFrom: 'harbour.library',
  smsSender: 'HARBOUR',
  replyTo: 'desk@harbour-library.example',
  // High enough that neither a trial nor a load test reaches them (spec 06, section 10).
  rateLimit: 12_000_000,
  dailyLimit: 2_000_000_000,
  contactLink: 'https://harbour-library.example/contact',
  templates: {
    sms: {
      name: 'Book ready to collect',
      content: 'Hello ((name)), your book ((title)) is ready to collect until ((date)).',
    },
    email: {
      name: 'Loan reminder',
      subject: '((name)), your loan ends on ((date))',
      content:
        'Hello ((name)),\n\nyour loan of ((title)) ends on ((date)).\n\n# How to keep it longer\n\n* answer this email\n* or call the desk\n\n^ There is nothing to pay if you return it in time.\n',
    },
  },
} as const;
