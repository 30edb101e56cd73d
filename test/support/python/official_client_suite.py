"""The steps of the official Python client's integration suite but for letters, with the variables of `despatch fixture`.

Prints the name of each step as it ends. An exception ends it with exit code 1.
"""

import io
import os
import uuid

from notifications_python_client import prepare_upload
from notifications_python_client.errors import HTTPError
from notifications_python_client.notifications import NotificationsAPIClient

given = os.environ
PERSONALISATION = {"name": "Foo"}
SMS_BODY = "Hello Foo\n\nFunctional Tests make our world a better place"
EMAIL_BODY = "Hello Foo\r\n\r\nFunctional test help make our world a better place"
SUBJECT = "Functional Tests are good"

NOTIFICATION_FIELDS = {
    "id", "body", "subject", "reference", "email_address", "phone_number", "line_1", "line_2", "line_3", "line_4",
    "line_5", "line_6", "postcode", "type", "status", "template", "created_at", "created_by_name", "sent_at",
    "completed_at",
}  # fmt: skip
TEMPLATE_FIELDS = {
    "id", "name", "type", "created_at", "updated_at", "created_by", "version", "body", "subject",
}  # fmt: skip

steps = []


def step(function):
    steps.append(function)
    return function


def client_with(key):
    return NotificationsAPIClient(base_url=given["NOTIFY_API_URL"], api_key=given[key])


client = client_with("API_KEY")
team_client = client_with("API_SENDING_KEY")
number = given["FUNCTIONAL_TEST_NUMBER"]
address = given["FUNCTIONAL_TEST_EMAIL"]
sms_template = given["SMS_TEMPLATE_ID"]
email_template = given["EMAIL_TEMPLATE_ID"]


def check_sent(answer, content, reference):
    uuid.UUID(answer["id"])
    for name, value in content.items():
        assert answer["content"][name] == value, answer
    assert answer["reference"] == reference
    assert answer["uri"].startswith(given["NOTIFY_API_URL"]) and answer["template"]["uri"]
    assert answer["scheduled_for"] is None
    return answer["id"]


def send_email(**options):
    return client.send_email_notification(
        email_address=address,
        template_id=email_template,
        **{"personalisation": PERSONALISATION, "reference": "client-ref", **options},
    )


EMAIL_CONTENT = {"body": EMAIL_BODY, "subject": SUBJECT}


@step
def send_texts_with_each_key():
    text = client.send_sms_notification(phone_number=number, template_id=sms_template, personalisation=PERSONALISATION)
    check_sent(text, {"body": SMS_BODY}, None)
    assert text["content"]["from_number"]
    text = team_client.send_sms_notification(
        phone_number=number,
        template_id=sms_template,
        personalisation=PERSONALISATION,
        reference="client-ref",
        sms_sender_id=given["SMS_SENDER_ID"],
    )
    check_sent(text, {"body": SMS_BODY}, "client-ref")


@step
def send_emails_plain_with_a_reply_to_address_and_with_a_link_to_unsubscribe():
    check_sent(send_email(), EMAIL_CONTENT, "client-ref")
    check_sent(send_email(email_reply_to_id=given["EMAIL_REPLY_TO_ID"]), EMAIL_CONTENT, "client-ref")
    link = "https://functional-tests.example.com/stop"
    message = check_sent(send_email(one_click_unsubscribe_url=link), EMAIL_CONTENT, "client-ref")
    assert client.get_notification_by_id(message)["one_click_unsubscribe_url"] == link


@step
def send_emails_with_files():
    plain = prepare_upload(io.BytesIO(b"%PDF-1.5 testpdf"))
    check_sent(send_email(personalisation={**PERSONALISATION, "document": plain}), EMAIL_CONTENT, "client-ref")
    named = prepare_upload(
        io.BytesIO(b"a,b"), filename="report.csv", confirm_email_before_download=True, retention_period="4 weeks"
    )
    body = send_email(personalisation={"name": named})["content"]["body"]
    assert "/d/" in body, body


@step
def read_messages_by_their_id():
    text = client.send_sms_notification(phone_number=number, template_id=sms_template, personalisation=PERSONALISATION)
    email = send_email()
    for message, kind, body, subject in [(text, "sms", SMS_BODY, None), (email, "email", EMAIL_BODY, SUBJECT)]:
        found = client.get_notification_by_id(message["id"])
        assert NOTIFICATION_FIELDS <= set(found), NOTIFICATION_FIELDS - set(found)
        assert (found["type"], found["body"], found["subject"]) == (kind, body, subject), found
        assert found["status"] in ("created", "sending", "delivered"), found
    try:
        client.get_notification_by_id(str(uuid.uuid4()))
        raise AssertionError("an unknown message was found")
    except HTTPError as error:
        assert error.status_code == 404 and error.message[0]["message"] == "No result found"


@step
def read_lists_of_messages_and_all_of_their_pages():
    page = client.get_all_notifications()
    assert page["links"]["current"].startswith(given["NOTIFY_API_URL"])
    for message in page["notifications"]:
        assert NOTIFICATION_FIELDS <= set(message)
    emails = client.get_all_notifications(template_type="email", reference="client-ref")["notifications"]
    assert emails and all(one["type"] == "email" and one["reference"] == "client-ref" for one in emails)
    every = [one["id"] for one in client.get_all_notifications_iterator(template_type="sms")]
    assert len(every) == len(set(every)) > 0
    older = client.get_all_notifications(template_type="sms", older_than=every[0])["notifications"]
    assert [one["id"] for one in older] == every[1:]


@step
def read_templates():
    for template, kind, subject in [(sms_template, "sms", None), (email_template, "email", SUBJECT)]:
        found = client.get_template(template)
        assert TEMPLATE_FIELDS <= set(found), found
        assert (found["id"], found["type"], found["subject"]) == (template, kind, subject), found
        first = client.get_template_version(template, 1)
        assert (first["id"], first["version"]) == (template, 1)
    assert {one["type"] for one in client.get_all_templates()["templates"]} == {"sms", "email"}
    for kind in ("sms", "email"):
        assert {one["type"] for one in client.get_all_templates(kind)["templates"]} == {kind}


@step
def preview_templates():
    text = client.post_template_preview(sms_template, PERSONALISATION)
    assert (text["type"], text["body"]) == ("sms", SMS_BODY), text
    email = client.post_template_preview(email_template, PERSONALISATION)
    assert (email["type"], email["body"], email["subject"]) == ("email", EMAIL_BODY, SUBJECT), email


@step
def read_received_texts():
    receiver = client_with("INBOUND_SMS_QUERY_KEY")
    texts = receiver.get_received_texts()["received_text_messages"]
    assert texts
    for text in texts:
        assert set(text) == {"id", "created_at", "service_id", "notify_number", "user_number", "content"}, text
    every = [one["id"] for one in receiver.get_received_texts_iterator()]
    assert every == [one["id"] for one in texts]
    older = receiver.get_received_texts(older_than=every[0])["received_text_messages"]
    assert [one["id"] for one in older] == every[1:]


for one in steps:
    one()
    print(one.__name__.replace("_", " "), flush=True)
