Feature: Call gRPC
  The service of grpc_service.py, by protos/greet.proto.

  # ref, gRPC Call; docs/ows.md C13
  @http @grpc
  Scenario: A method is called
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-method-is-called
      version: '1.0.0'
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://service.test/protos/greet.proto' }
            service: { name: greet.Greeter, host: service.test, port: 50051 }
            method: SayHello
            arguments:
              person: { firstName: '${ .name }', titles: [ Dr. ] }
              tags: { a: b }
          output: { as: '{message, tags, mood}' }
    """
    And given the workflow input is:
    """yaml
    name: Ann
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { message: Hello Dr. Ann, tags: { a: b }, mood: MOOD_UNKNOWN }
    """

  # docs/ows.md C13a
  @http @grpc
  Scenario: What a server streams is a list
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: what-a-server-streams-is-a-list
      version: '1.0.0'
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://service.test/protos/greet.proto' }
            service: { name: greet.Greeter, host: service.test, port: 50051 }
            method: SayHellos
            arguments: { count: 3 }
          output: { as: '[.[].message]' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ Hello 1, Hello 2, Hello 3 ]
    """

  # docs/ows.md C13b
  @http @grpc
  Scenario Outline: A status is an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-status-is-an-error
      version: '1.0.0'
    do:
      - fail:
          call: grpc
          with:
            proto: { endpoint: 'https://service.test/protos/greet.proto' }
            service: { name: greet.Greeter, host: service.test, port: 50051 }
            method: Fail
            arguments: { count: <code> }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: 'https://open-workflow-specification.org/spec/1.0.0/errors/<type>', status: <status>, instance: /do/0/fail }
    """

    Examples:
      | code | type | status |
      | 3 | communication | 400 |
      | 5 | communication | 404 |
      | 14 | communication | 503 |
      | 7 | authorization | 403 |
      | 16 | authentication | 401 |
      | 4 | timeout | 408 |

  # docs/ows.md C13b, C8
  @http @grpc
  Scenario: A call is tried again by an enclosing try
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-call-is-tried-again-by-an-enclosing-try
      version: '1.0.0'
    do:
      - again:
          try:
            - call:
                call: grpc
                with:
                  proto: { endpoint: 'https://service.test/protos/greet.proto' }
                  service: { name: greet.Greeter, host: service.test, port: 50051 }
                  method: Fail
                  arguments: { count: 14 }
          catch:
            errors: { with: { status: 503 } }
            retry: { limit: { attempt: { count: 2 } } }
            do:
              - note: { set: { gaveUp: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { gaveUp: true }
    """
    And call should run 3 times

  # docs/ows.md C13b
  @http @grpc
  Scenario: Arguments that are not the message
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: arguments-that-are-not-the-message
      version: '1.0.0'
    do:
      - greet:
          call: grpc
          with:
            proto: { endpoint: 'https://service.test/protos/greet.proto' }
            service: { name: greet.Greeter, host: service.test, port: 50051 }
            method: SayHello
            arguments: { count: many }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration, status: 400 }
    """
