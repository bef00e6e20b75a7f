Feature: Call AsyncAPI
  Messages to and from message_service.py (web sockets) and service.py (http), by AsyncAPI documents.

  # docs/ows.md C14b
  @http
  Scenario: A message is published over http
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-message-is-published-over-http
      version: '1.0.0'
    do:
      - publish:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: order
            message: { payload: { n: 1 }, headers: { X-Foo: bar } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { payload: { n: 1 }, headers: { X-Foo: bar } }
    """
    And the service should have received 1 requests for 'POST /echo/orders'

  # docs/ows.md C14b
  @http @ws
  Scenario: A message is published over a web socket
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-message-is-published-over-a-web-socket
      version: '1.0.0'
    do:
      - publish:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: accept
            message: { payload: { n: 1 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { payload: { n: 1 } }
    """
    And the service should have received 1 requests for 'POST /accepted'

  # docs/ows.md C14c
  @http @ws
  Scenario: A number of messages is consumed
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-number-of-messages-is-consumed
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: numbers
            subscription: { consume: { amount: 3 } }
          output: { as: '[.[].payload.n]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 0, 1, 2 ]
    """

  # docs/ows.md C14
  @http @ws
  Scenario: AsyncAPI 2 is called by channel
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: asyncapi-2-is-called-by-channel
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi2.yaml' }
            channel: /numbers
            subscription: { consume: { amount: 2 } }
          output: { as: '[.[].payload.n]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 0, 1 ]
    """

  # docs/ows.md C14c
  @http
  Scenario: Messages of an event stream
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: messages-of-an-event-stream
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: events
            subscription: { consume: { amount: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { payload: { n: 1 }, headers: { event: number, id: '1' } }, { payload: { n: 2 }, headers: { event: number, id: '2' } } ]
    """

  # docs/ows.md C14d
  @http @ws
  Scenario: A filter drops messages
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-filter-drops-messages
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: numbers
            subscription:
              filter: '${ .correlationId == "odd" }'
              consume: { amount: 2 }
          output: { as: '[.[].payload.n]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 1, 3 ]
    """

  # docs/ows.md C14d
  @http @ws
  Scenario: While is asked before each message
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: while-is-asked-before-each-message
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: numbers
            subscription: { consume: { while: '${ length < 2 }' } }
          output: { as: '[.[].payload.n]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 0, 1 ]
    """

  # docs/ows.md C14d
  @http @ws
  Scenario: While may hold for no message at all
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: while-may-hold-for-no-message-at-all
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: numbers
            subscription: { consume: { while: '${ false }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ ]
    """

  # docs/ows.md C14d
  @http @ws
  Scenario: Until is asked after each message
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: until-is-asked-after-each-message
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: numbers
            subscription: { consume: { until: '${ .[-1].payload.n == 2 }' } }
          output: { as: '[.[].payload.n]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 0, 1, 2 ]
    """

  # docs/ows.md C14d
  @http @ws
  Scenario: Time ends a subscription well
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: time-ends-a-subscription-well
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: numbers
            subscription: { filter: '${ false }', consume: { amount: 1, for: { milliseconds: 300 } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ ]
    """

  # docs/ows.md C14d, L12
  @http @ws
  Scenario: Each message is worked on
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: each-message-is-worked-on
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: numbers
            subscription:
              consume: { until: '${ ($context.seen | length) == 3 }' }
              foreach:
                item: message
                at: at
                do:
                  - keep: { set: { at: '${ $at }', n: '${ $message.payload.n }' } }
                export: { as: '${ {seen: ((($context // {}).seen // []) + [$message.payload.n])} }' }
                output: { as: '${ [.at, .n] }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ [ 0, 0 ], [ 1, 1 ], [ 2, 2 ] ]
    """
    And keep should run 3 times

  # docs/ows.md C14e
  @http @ws
  Scenario: A connection that the server ends is made again
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-connection-that-the-server-ends-is-made-again
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: hangUp
            subscription: { consume: { amount: 3 } }
          output: { as: '[.[].payload.n]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 0, 1, 2 ]
    """

  # docs/ows.md C14e, C7
  @http @ws
  Scenario: A handshake that is refused
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-handshake-that-is-refused
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: token
            subscription: { consume: { amount: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 401 }
    """

  # docs/ows.md C9
  @http @ws
  Scenario: A handshake with credentials
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-handshake-with-credentials
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: token
            authentication: { bearer: { token: token } }
            subscription: { consume: { amount: 1 } }
          output: { as: '[.[].payload.n]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 0 ]
    """

  # docs/ows.md C14
  @http
  Scenario: An operation that the document does not have
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-operation-that-the-document-does-not-have
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: numbrs
            message: { payload: { n: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration, status: 400 }
    """

  # docs/ows.md C14
  @http
  Scenario: A document whose server speaks something else
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-document-whose-server-speaks-something-else
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: mail
            message: { payload: { n: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration, status: 400 }
    """

  # docs/ows.md C14
  @refused
  Scenario: A protocol that is not spoken is refused
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-protocol-that-is-not-spoken-is-refused
      version: '1.0.0'
    do:
      - inbox:
          call: asyncapi
          with:
            document: { endpoint: 'https://service.test/asyncapi3.yaml' }
            operation: mail
            protocol: mqtt
            message: { payload: { n: 1 } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'mqtt'
