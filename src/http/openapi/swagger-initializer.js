/* Runs in the browser: Swagger UI for our document, with the example calls that the document has (x-codeSamples). */

const codeSamples = ({ React }) => ({
  wrapComponents: {
    responses: (Responses) => (props) => {
      const { path, method, specSelectors } = props;
      const samples = specSelectors.specJson().getIn(['paths', path, method, 'x-codeSamples']);
      const blocks = (samples ? samples.toJS() : []).flatMap(({ label, source }) => [
        React.createElement('h5', { key: `${label} heading` }, label),
        React.createElement('pre', { key: label, className: 'microlight example' }, source),
      ]);
      const children =
        blocks.length === 0
          ? []
          : [
              React.createElement(
                'div',
                { key: 'header', className: 'opblock-section-header' },
                React.createElement('h4', { className: 'opblock-title' }, 'Example'),
              ),
              React.createElement(
                'div',
                { key: 'samples', className: 'opblock-description-wrapper' },
                blocks,
              ),
            ];
      return React.createElement(
        React.Fragment,
        null,
        ...children,
        React.createElement(Responses, { ...props, key: 'responses' }),
      );
    },
  },
});

window.SwaggerUIBundle({
  // Relative to the page at /docs.
  url: 'spec',
  dom_id: '#swagger-ui',
  deepLinking: true,
  docExpansion: 'none',
  defaultModelsExpandDepth: 0,
  // A token is valid for 30 seconds, so calls are made with the example commands instead.
  supportedSubmitMethods: [],
  // Swagger's own validator would send the document to another host.
  validatorUrl: null,
  plugins: [codeSamples],
});
