Feature: Call HTTP
  Requests and responses of service.test (README.md).

  @http
  Scenario: Method, query, headers and body
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: method-query-headers-and-body
      version: '1.0.0'
    do:
      - call:
          call: http
          with: 
            method: POST
            endpoint: https://service.test/echo/a
            query: { q: '${ .q }', n: '2' }
            headers: { X-Team: '${ .team }' }
            body: { order: '${ .id }', lines: [ 1, 2 ] }
          output: { as: '{ method, path, query, team: .headers["x-team"], type: .headers["content-type"], body }' }
    """
    And given the workflow input is:
    """yaml
    { q: a b&c, team: blue, id: 7 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    method: POST
    path: /echo/a
    query: { q: a b&c, n: '2' }
    team: blue
    type: application/json
    body: { order: 7, lines: [ 1, 2 ] }
    """

  @http
  Scenario: Queries and headers by expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: queries-and-headers-by-expression
      version: '1.0.0'
    do:
      - call:
          call: http
          with: 
            method: get
            endpoint: https://service.test/echo
            query: ${ .query }
            headers: ${ .headers }
          output: { as: '{ query, x: .headers["x-custom"] }' }
    """
    And given the workflow input is:
    """yaml
    { query: { a: '1' }, headers: { X-Custom: y } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { query: { a: '1' }, x: y }
    """

  # docs/ows.md C2
  @http
  Scenario: A query is added to that of the endpoint
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-query-is-added-to-that-of-the-endpoint
      version: '1.0.0'
    do:
      - call:
          call: http
          with: 
            method: get
            endpoint: https://service.test/echo?a=1
            query: { b: '2' }
          output: { as: .query }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { a: '1', b: '2' }
    """

  # docs/ows.md C1
  @http
  Scenario: A text body goes as it is
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-text-body-goes-as-it-is
      version: '1.0.0'
    do:
      - call:
          call: http
          with: 
            method: post
            endpoint: https://service.test/echo
            headers: { Content-Type: text/plain }
            body: Hello ${ .name }
          output: { as: '{ body, type: .headers["content-type"] }' }
    """
    And given the workflow input is:
    """yaml
    name: Ann
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { body: Hello Ann, type: text/plain }
    """

  # docs/ows.md E13
  @http
  Scenario: Members of the input in the endpoint
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: members-of-the-input-in-the-endpoint
      version: '1.0.0'
    do:
      - call:
          call: http
          with: 
            method: get
            endpoint: https://service.test/echo/{id}/{missing}end
          output: { as: .path }
    """
    And given the workflow input is:
    """yaml
    id: a b/c?d
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    /echo/a b/c?d/end
    """

  # ref, URI Template
  @http
  Scenario: A member that is no plain value can not be put into an endpoint
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-member-that-is-no-plain-value-can-not-be-put-int
      version: '1.0.0'
    do:
      - call:
          call: http
          with: 
            method: get
            endpoint: https://service.test/echo/{id}
    """
    And given the workflow input is:
    """yaml
    id: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/expression, status: 400, instance: /do/0/call }
    """

  @http
  Scenario: An endpoint by expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-endpoint-by-expression
      version: '1.0.0'
    do:
      - call:
          call: http
          with: 
            method: get
            endpoint: '${ "https://service.test/echo/\(.id)" }'
          output: { as: .path }
    """
    And given the workflow input is:
    """yaml
    id: 7
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    /echo/7
    """

  @http
  Scenario: An endpoint as an object
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-endpoint-as-an-object
      version: '1.0.0'
    do:
      - call:
          call: http
          with: 
            method: get
            endpoint: { uri: 'https://service.test/echo/{id}' }
          output: { as: .path }
    """
    And given the workflow input is:
    """yaml
    id: 7
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    /echo/7
    """

  @http
  Scenario: A call without encryption
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-call-without-encryption
      version: '1.0.0'
    do:
      - call:
          call: http
          with: 
            method: get
            endpoint: http://service.test/echo
          output: { as: .path }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    /echo
    """

  # docs/ows.md C3
  @http
  Scenario: Content that is text
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: content-that-is-text
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: https://service.test/text }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    hello
    """

  # docs/ows.md C3
  @http
  Scenario: Content of a type that ends in json
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: content-of-a-type-that-ends-in-json
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: https://service.test/vendor }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    vendor: true
    """

  # docs/ows.md C3
  @http
  Scenario: Content that is neither text nor JSON
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: content-that-is-neither-text-nor-json
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: https://service.test/bytes }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    AAEC/w==
    """

  # docs/ows.md C3
  @http
  Scenario: No content
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: no-content
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: https://service.test/empty }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    null
    """

  # ref, HTTP Call
  @http
  Scenario: Raw output
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: raw-output
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: https://service.test/text, output: raw }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    aGVsbG8=
    """

  # docs/ows.md C5
  @http
  Scenario: The whole response
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-whole-response
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: 'https://service.test/echo?a=1', headers: { X-Team: blue }, output: response }
          output: { as: '{ method: .request.method, uri: .request.uri, team: (.request.headers | with_entries(.key |= ascii_downcase) | .["x-team"]), status: .statusCode, type: (.headers | with_entries(.key |= ascii_downcase) | .["content-type"]), path: .content.path }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    method: get
    uri: https://service.test/echo?a=1
    team: blue
    status: 200
    type: application/json
    path: /echo
    """

  # docs/ows.md C7
  @http
  Scenario: An answer of 400 is an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-answer-of-400-is-an-error
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: https://service.test/status/400 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 400, instance: /do/0/call }
    """
    And the error should have properties 'title', 'detail'

  # docs/ows.md C7
  @http
  Scenario: An answer of 404 is an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-answer-of-404-is-an-error
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: https://service.test/status/404 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 404, instance: /do/0/call }
    """
    And the error should have properties 'title', 'detail'

  # docs/ows.md C7
  @http
  Scenario: An answer of 418 is an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-answer-of-418-is-an-error
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: https://service.test/status/418 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 418, instance: /do/0/call }
    """
    And the error should have properties 'title', 'detail'

  # docs/ows.md C7
  @http
  Scenario: An answer of 500 is an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-answer-of-500-is-an-error
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: https://service.test/status/500 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 500, instance: /do/0/call }
    """
    And the error should have properties 'title', 'detail'

  # docs/ows.md C7
  @http
  Scenario: An answer of 503 is an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-answer-of-503-is-an-error
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: https://service.test/status/503 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 503, instance: /do/0/call }
    """
    And the error should have properties 'title', 'detail'

  # docs/ows.md C7
  @http
  Scenario: A server that is not there
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-server-that-is-not-there
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: "http://127.0.0.1:1/" }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 500, instance: /do/0/call }
    """

  # ref, HTTP Call
  @http
  Scenario: A redirection is an error by default
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-redirection-is-an-error-by-default
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: "https://service.test/redirect/302?to=/echo" }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 302 }
    """
    And the service should have received 0 requests for 'GET /echo'

  # docs/ows.md C6
  @http
  Scenario: A redirection is followed where it is no error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-redirection-is-followed-where-it-is-no-error
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: "https://service.test/redirect/302?to=/echo", redirect: true }
          output: { as: .path }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    /echo
    """

  # docs/ows.md C6
  @http
  Scenario: A redirection that leads nowhere is an answer where it is no error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-redirection-that-leads-nowhere-is-an-answer-wher
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: "https://service.test/status/304", redirect: true, output: response }
          output: { as: .statusCode }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    304
    """

  # docs/ows.md C6
  @http
  Scenario: A redirection that keeps the method
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-redirection-that-keeps-the-method
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: post, endpoint: "https://service.test/redirect/307?to=/echo", redirect: true, body: { a: 1 } }
          output: { as: '{ method, body }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { method: POST, body: { a: 1 } }
    """

  # docs/ows.md D8
  @http
  Scenario: A relative endpoint has no base
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-relative-endpoint-has-no-base
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: /echo }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration, status: 400, instance: /do/0/call }
    """

  # docs/ows.md C8
  @http
  Scenario: A call is made once, errors too
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-call-is-made-once-errors-too
      version: '1.0.0'
    do:
      - call:
          call: http
          with: { method: get, endpoint: 'https://service.test/flaky/once?fail=9' }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 503
    """
    And the service should have received 1 request for 'GET /flaky/once'

  @http
  Scenario: An answer that faults leaves no output
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-answer-that-faults-leaves-no-output
      version: '1.0.0'
    do:
      - guard:
          try:
            - call:
                call: http
                with: { method: get, endpoint: https://service.test/status/404 }
                export: { as: '{ exported: true }' }
          catch: {}
    output:
      as: '{ data: ., context: $context }'
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { data: { a: 1 }, context: { a: 1 } }
    """
