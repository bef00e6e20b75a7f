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
            endpoint: https://service.test/bearer/t-1
            headers: { Authorization: '${ "Bearer \($secrets.key)" }' }
          output: { as: .authenticated }
    """
    And given the secrets are:
    """yaml
    key: t-1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  # docs/ows.md E4, E12
  @http
  Scenario: A secret among other text
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-secret-among-other-text
      version: '1.0.0'
    use: { secrets: [ login ] }
    do:
      - call:
          call: http
          with:
            method: get
            endpoint: https://service.test/bearer/t-1
            headers: { Authorization: 'Bearer ${ $secrets.login.token }' }
          output: { as: .authenticated }
    """
    And given the secrets are:
    """yaml
    login: { token: t-1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  # docs/ows.md E12
  @http
  Scenario: A secret that an expression computes with
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-secret-that-an-expression-computes-with
      version: '1.0.0'
    use: { secrets: [ user, pass ] }
    do:
      - call:
          call: http
          with:
            method: get
            endpoint: https://service.test/basic/ann/pass
            headers: { Authorization: '${ "Basic \("\($secrets.user):\($secrets.pass)" | @base64)" }' }
          output: { as: .authenticated }
    """
    And given the secrets are:
    """yaml
    { user: ann, pass: pass }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  # dsl.md, Runtime Expression Arguments: $secrets in input.from
  @http
  Scenario: A secret that the input of a task hands on
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-secret-that-the-input-of-a-task-hands-on
      version: '1.0.0'
    use: { secrets: [ token ] }
    do:
      - call:
          input: { from: { token: '${ $secrets.token }', known: '${ .known }' } }
          call: http
          with:
            method: get
            endpoint: https://service.test/bearer/t-1
            headers: { Authorization: 'Bearer ${ .token }', X-Known: '${ .known }' }
          output: { as: .authenticated }
    """
    And given the workflow input is:
    """yaml
    known: 1
    """
    And given the secrets are:
    """yaml
    token: t-1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  # docs/ows.md E12
  @http
  Scenario: A secret that is added to the input of a task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-secret-that-is-added-to-the-input-of-a-task
      version: '1.0.0'
    use: { secrets: [ token ] }
    do:
      - call:
          input: { from: '. + { token: $secrets.token }' }
          call: http
          with:
            method: get
            endpoint: https://service.test/bearer/t-1
            headers: { Authorization: '${ "\(.scheme) \(.token)" }' }
          output: { as: .authenticated }
    """
    And given the workflow input is:
    """yaml
    scheme: Bearer
    """
    And given the secrets are:
    """yaml
    token: t-1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  # docs/ows.md E12
  @http
  Scenario: A secret that is set for later tasks
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-secret-that-is-set-for-later-tasks
      version: '1.0.0'
    use: { secrets: [ token ] }
    do:
      - keep:
          set: { token: '${ $secrets.token }' }
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/bearer/t-1
              authentication: { bearer: { token: '${ .token }' } }
          output: { as: .authenticated }
    """
    And given the secrets are:
    """yaml
    token: t-1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  # docs/ows.md C9
  @http
  Scenario: A bearer token from a secret
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-bearer-token-from-a-secret
      version: '1.0.0'
    use: { secrets: [ login ] }
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/bearer/t-1
              authentication: { bearer: { use: login } }
          output: { as: .authenticated }
    """
    And given the secrets are:
    """yaml
    login: { token: t-1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  # docs/ows.md C9
  @http
  Scenario: Digest from a secret
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: digest-from-a-secret
      version: '1.0.0'
    use: { secrets: [ login ] }
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/digest/ann/pass
              authentication: { digest: { use: login } }
          output: { as: .authenticated }
    """
    And given the secrets are:
    """yaml
    login: { username: ann, password: pass }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  # docs/ows.md C9
  @http
  Scenario: OAuth2 from a secret, by a named policy
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: oauth2-from-a-secret-by-a-named-policy
      version: '1.0.0'
    use:
      secrets: [ grant ]
      authentications: { login: { oauth2: { use: grant } } }
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/protected
              authentication: { use: login }
          output: { as: .authenticated }
    """
    And given the secrets are:
    """yaml
    grant: { authority: 'https://service.test', grant: client_credentials, client: { id: client, secret: secret } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    true
    """

  # docs/ows.md E12
  @shell
  Scenario: A secret in the environment of a process
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-secret-in-the-environment-of-a-process
      version: '1.0.0'
    use: { secrets: [ key ] }
    do:
      - say:
          run: { shell: { command: 'test "$KEY" = four && echo same', environment: { KEY: '${ $secrets.key }' } } }
          output: { as: 'rtrimstr("\n")' }
    """
    And given the secrets are:
    """yaml
    key: four
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    same
    """

  # dsl.md, Authorization Descriptor
  @http
  Scenario: The scheme of basic authentication is known to the output
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-scheme-of-basic-authentication-is-known-to-the
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/basic/ann/pass
              authentication: { basic: { username: ann, password: pass } }
          output: { as: '{ scheme: $authorization.scheme }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    scheme: Basic
    """

  # dsl.md, Authorization Descriptor
  @http
  Scenario: The parameter of a bearer token is known to the export
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-parameter-of-a-bearer-token-is-known-to-the-ex
      version: '1.0.0'
    do:
      - call:
          call: http
          with:
            method: get
            endpoint:
              uri: https://service.test/bearer/t-1
              authentication: { bearer: { token: t-1 } }
          export: { as: '{ parameter: $authorization.parameter }' }
      - see: { set: '${ $context }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    parameter: t-1
    """

  # docs/ows.md, Descriptors
  @http
  Scenario: Without authentication there is no authorization
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: without-authentication-there-is-no-authorization
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: 'https://service.test/text' }
          output: { as: '{ none: ($authorization == null) }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    none: true
    """

  # dsl.md, Secret
  @http
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
      - take:
          call: http
          with: { method: get, endpoint: 'https://service.test/echo', headers: { X-Key: '${ $secrets.key }' } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/authorization, status: 403, instance: /do/0/take }
    """
    And the service should have received 0 requests for 'GET /echo'

  # dsl.md, Secret
  @http
  Scenario: A secret that is not there is an error that is caught
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-secret-that-is-not-there-is-an-error-that-is-cau
      version: '1.0.0'
    use: { secrets: [ key ] }
    do:
      - tried:
          try:
            - take:
                call: http
                with: { method: get, endpoint: 'https://service.test/echo', headers: { X-Key: '${ $secrets.key }' } }
          catch:
            errors: { with: { status: 403 } }
            do: [ { mend: { set: { caught: '${ $error.status }' } } } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: 403
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
