Feature: Authentication and secrets
  Credentials, where they come from and where they go.

  @http
  Scenario: Basic
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: basic
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/basic/ann/pass
              authentication: { basic: { username: ann, password: pass } }
    """
    When the workflow is executed
    Then the workflow output should have a 'authenticated' property with value:
    """yaml
    true
    """

  # docs/ows.md C7
  @http
  Scenario: Basic that is refused
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: basic-that-is-refused
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/basic/ann/pass
              authentication: { basic: { username: ann, password: wrong } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 401 }
    """

  @http
  Scenario: Bearer
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: bearer
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/bearer/t-1
              authentication: { bearer: { token: '${ .token }' } }
    """
    And given the workflow input is:
    """yaml
    token: t-1
    """
    When the workflow is executed
    Then the workflow output should have a 'authenticated' property with value:
    """yaml
    true
    """

  @http
  Scenario: Digest
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: digest
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/digest/ann/pass
              authentication: { digest: { username: ann, password: pass } }
    """
    When the workflow is executed
    Then the workflow output should have a 'authenticated' property with value:
    """yaml
    true
    """

  @http
  Scenario: By name
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: by-name
      version: '1.0.0'
    use: { authentications: { token: { bearer: { token: t-1 } } } }
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/bearer/t-1
              authentication: { use: token }
    """
    When the workflow is executed
    Then the workflow output should have a 'authenticated' property with value:
    """yaml
    true
    """

  # docs/ows.md C9
  @http
  Scenario: From a secret
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: from-a-secret
      version: '1.0.0'
    use: { secrets: [ login ] }
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/basic/ann/pass
              authentication: { basic: { use: login } }
    """
    And given the secrets are:
    """yaml
    login: { username: ann, password: pass }
    """
    When the workflow is executed
    Then the workflow output should have a 'authenticated' property with value:
    """yaml
    true
    """

  @http
  Scenario: OAuth2 with client credentials
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: oauth2-with-client-credentials
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/protected
              authentication: { oauth2: { authority: 'https://service.test', grant: client_credentials, client: { id: client, secret: secret } } }
    """
    When the workflow is executed
    Then the workflow output should have a 'authenticated' property with value:
    """yaml
    true
    """
    And the service should have received 1 request for 'POST /oauth2/token'

  @http
  Scenario: OAuth2 with a token endpoint of its own
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: oauth2-with-a-token-endpoint-of-its-own
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/protected
              authentication: { oauth2: { authority: 'https://service.test', endpoints: { token: /oidc/token }, grant: client_credentials, client: { id: client, secret: secret, authentication: client_secret_basic } } }
    """
    When the workflow is executed
    Then the workflow output should have a 'authenticated' property with value:
    """yaml
    true
    """
    And the service should have received 1 request for 'POST /oidc/token'

  @http
  Scenario: OAuth2 with a password
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: oauth2-with-a-password
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/protected
              authentication: { oauth2: { authority: 'https://service.test', grant: password, username: ann, password: pass, client: { id: client, secret: secret } } }
    """
    When the workflow is executed
    Then the workflow output should have a 'authenticated' property with value:
    """yaml
    true
    """

  # docs/ows.md C9
  @http
  Scenario: OAuth2 that gives no token
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: oauth2-that-gives-no-token
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/protected
              authentication: { oauth2: { authority: 'https://service.test', grant: client_credentials, client: { id: client, secret: wrong } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/authentication, status: 401, instance: /do/0/call }
    """

  @http
  Scenario: OpenID Connect by discovery
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: openid-connect-by-discovery
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/protected
              authentication: { oidc: { authority: 'https://service.test/oidc', grant: client_credentials, client: { id: client, secret: secret } } }
    """
    When the workflow is executed
    Then the workflow output should have a 'authenticated' property with value:
    """yaml
    true
    """
    And the service should have received 1 request for 'POST /oidc/token'

  # dsl.md, Authorization Descriptor
  @http
  Scenario: Authorization is known to the output
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: authorization-is-known-to-the-output
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/bearer/t-1
              authentication: { bearer: { token: t-1 } }
          output: { as: '{ scheme: $authorization.scheme }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    scheme: Bearer
    """

  # docs/ows.md E11, E12
  @http
  Scenario: A secret in an expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-secret-in-an-expression
      version: '1.0.0'
    use: { secrets: [ key ] }
    do:
      - call:
          call: http
          with:
            method: get
            endpoint: https://service.test/echo
            headers: { X-Api: '${ $secrets.key }' }
          output: { as: '{ known: (.headers["x-api"] | length) }' }
    """
    And given the secrets are:
    """yaml
    key: four
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    known: 4
    """

  # dsl.md, Secret
  Scenario: A secret that is not there
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-secret-that-is-not-there
      version: '1.0.0'
    use: { secrets: [ key ] }
    do:
      - take: { set: { length: '${ $secrets.key | length }' } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization, status: 403, instance: /do/0/take }
    """

  # dsl.md, Secret
  Scenario: A secret that is not listed
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-secret-that-is-not-listed
      version: '1.0.0'
    use: { secrets: [ other ] }
    do:
      - take: { set: { length: '${ $secrets.key | length }' } }
    """
    And given the secrets are:
    """yaml
    { key: four, other: x }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization, status: 403, instance: /do/0/take }
    """
