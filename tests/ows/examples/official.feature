Feature: Official examples
  As the specification's repository has them (PERDURE_OWS_DIR), byte for byte.

  Scenario: It loads
    Given the official example '<name>'
    When the workflow is checked
    Then the workflow should be accepted

    Examples:
      | name |
      | accumulate-room-readings.yaml |
      | authentication-bearer-uri-format.yaml |
      | authentication-bearer.yaml |
      | authentication-oauth2-secret.yaml |
      | authentication-oauth2.yaml |
      | authentication-oidc-secret.yaml |
      | authentication-oidc.yaml |
      | authentication-reusable.yaml |
      | call-asyncapi-publish.yaml |
      | call-asyncapi-subscribe-consume-amount.yaml |
      | call-asyncapi-subscribe-consume-forever-foreach.yaml |
      | call-asyncapi-subscribe-consume-until.yaml |
      | call-asyncapi-subscribe-consume-while.yaml |
      | call-custom-function-cataloged.yaml |
      | call-custom-function-inline.yaml |
      | call-grpc.yaml |
      | call-http-endpoint-interpolation-shorthand.yaml |
      | call-http-endpoint-interpolation.yaml |
      | call-http-query-headers-expressions.yaml |
      | call-http-query-parameters.yaml |
      | call-http-redirect.yaml |
      | call-mcp.yaml |
      | call-openapi-redirect.yaml |
      | call-openapi.yaml |
      | conditional-task.yaml |
      | do-multiple.yaml |
      | do-single.yaml |
      | emit.yaml |
      | for-inline-array.yaml |
      | for.yaml |
      | fork.yaml |
      | listen-to-all read-envelope.yaml |
      | listen-to-all.yaml |
      | listen-to-any-filter.yaml |
      | listen-to-any-forever-foreach.yaml |
      | listen-to-any-until-condition.yaml |
      | listen-to-any-until-consumed.yaml |
      | listen-to-any.yaml |
      | listen-to-one.yaml |
      | mock-service-extension.yaml |
      | raise-inline.yaml |
      | raise-reusable.yaml |
      | run-container-cleanup-always.yaml |
      | run-container-cleanup-eventually.yaml |
      | run-container-stdin-and-arguments.yaml |
      | run-container-with-name.yaml |
      | run-container-with-pull-policy.yaml |
      | run-container.yaml |
      | run-return-all.yaml |
      | run-return-code.yaml |
      | run-return-none.yaml |
      | run-return-stderr.yaml |
      | run-script-with-stdin-and-arguments.yaml |
      | run-shell-stdin-and-arguments.yaml |
      | run-subflow.yaml |
      | schedule-cron.yaml |
      | schedule-event-driven.yaml |
      | set-expression.yaml |
      | set.yaml |
      | star-wars-homeworld.yaml |
      | switch-then-string.yaml |
      | try-catch-retry-inline.yaml |
      | try-catch-retry-reusable.yaml |
      | try-catch-then-directive.yaml |
      | try-catch-then.yaml |
      | try-catch.yaml |
      | wait-duration-inline.yaml |
      | wait-duration-iso8601.yaml |

  Scenario: A set of an event that stands in for the trigger
    Given the official example 'set.yaml'
    And given the workflow input is:
    """yaml
    [ { type: io.serverlessworkflow.samples.events.trigger.v1, data: 1 } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    startEvent: { type: io.serverlessworkflow.samples.events.trigger.v1, data: 1 }
    """

  Scenario: A set by expression
    Given the official example 'set-expression.yaml'
    And given the workflow input is:
    """yaml
    [ { a: 1 } ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """

  Scenario: Switches
    Given the official example 'switch-then-string.yaml'
    And given the workflow input is:
    """yaml
    orderType: <type>
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    <output>
    """

    Examples:
      | type | output |
      | electronic | { validate: true, status: fulfilled } |
      | physical | { inventory: clear, items: 1, address: Elmer St } |
      | other | { log: warn, message: something's wrong } |

  Scenario: Raising
    Given the official example '<name>'
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://serverlessworkflow.io/errors/not-implemented
    status: 500
    title: Not Implemented
    instance: /do/0/notImplemented
    """
    And the error's 'detail' should match 'is a work in progress and cannot be run yet'

    Examples:
      | name |
      | raise-inline.yaml |
      | raise-reusable.yaml |

  Scenario: A loop over an inline list
    Given the official example 'for-inline-array.yaml'
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have a 'processed' property containing 3 items

  Scenario: A condition that raises
    Given the official example 'conditional-task.yaml'
    And given the workflow input is:
    """yaml
    customer: { age: 17 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 400
    title: Access Forbidden
    instance: /do/0/raiseErrorIfUnderage
    """

  Scenario: An event
    Given the official example 'emit.yaml'
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have a 'data.items' property containing 1 items
    And 1 event of type 'com.petstore.order.placed.v1' should have been emitted

  Scenario: Waiting
    Given the official example '<name>'
    When the workflow is executed
    Then the workflow should complete
    And the workflow should take at least 30000 milliseconds

    Examples:
      | name |
      | wait-duration-inline.yaml |
      | wait-duration-iso8601.yaml |

  Scenario: A shell command with its input and arguments
    Given the official example 'run-shell-stdin-and-arguments.yaml'
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    |
      STDIN was: Hello World
      ARGS are Foo Bar
    """

  Scenario: A script with its input and arguments
    Given the official example 'run-script-with-stdin-and-arguments.yaml'
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    "stdin >  Hello Workflow\narg >  hello\nenv >  bar\n"
    """

  Scenario: A pet
    Given the official example '<name>'
    And given the workflow input is:
    """yaml
    { petId: 69, token: t }
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have a 'id' property with value:
    """yaml
    <id>
    """

    Examples:
      | name | id |
      | do-single.yaml | 69 |
      | do-multiple.yaml | 69 |
      | call-http-endpoint-interpolation.yaml | 69 |
      | call-http-endpoint-interpolation-shorthand.yaml | 69 |
      | call-custom-function-inline.yaml | 69 |
      | authentication-bearer.yaml | 1 |
      | authentication-bearer-uri-format.yaml | 69 |
      | authentication-reusable.yaml | 69 |
      | try-catch.yaml | 69 |
      | try-catch-retry-inline.yaml | 69 |
      | try-catch-retry-reusable.yaml | 69 |
      | try-catch-then.yaml | 69 |

  Scenario: Pets by their document
    Given the official example '<name>'
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have properties '0.id', '0.status'

    Examples:
      | name |
      | call-openapi.yaml |
      | call-openapi-redirect.yaml |

  Scenario: A pet that is not there
    Given the official example 'try-catch-then.yaml'
    And given the workflow input is:
    """yaml
    petId: none
    """
    When the workflow is executed
    Then the workflow should complete
    And setError should complete
    And buyPet should not run
    And 1 event of type 'io.swagger.petstore.events.pets.not-found.v1' should have been emitted

  Scenario: Star wars
    Given the official example '<name>'
    And given the workflow input is:
    """yaml
    { id: 1, searchQuery: luke }
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow output should have a '<path>' property with value:
    """yaml
    <value>
    """

    Examples:
      | name | path | value |
      | star-wars-homeworld.yaml | name | Tatooine |
      | call-http-query-parameters.yaml | results.0.name | Luke Skywalker |
      | call-http-query-headers-expressions.yaml | results.0.name | Luke Skywalker |
      | call-http-redirect.yaml | results.0.name | Luke Skywalker |

  Scenario: A service that is down
    Given the official example 'try-catch-then-directive.yaml'
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: failed
    """
    And continueProcessing should not run

  Scenario: Any event
    Given the official example 'listen-to-any.yaml'
    When the workflow is executed
    And the event is published:
    """yaml
    { type: anything, data: 1 }
    """
    Then the workflow should complete with output:
    """yaml
    [ 1 ]
    """

  Scenario: All events
    Given the official example 'listen-to-all.yaml'
    When the workflow is executed
    And the event is published:
    """yaml
    { type: com.fake-hospital.vitals.measurements.bpm, data: { bpm: 120 } }
    """
    And the event is published:
    """yaml
    { type: com.fake-hospital.vitals.measurements.temperature, data: { temperature: 37 } }
    """
    And the event is published:
    """yaml
    { type: com.fake-hospital.vitals.measurements.temperature, data: { temperature: 39 } }
    """
    Then the workflow should complete with output:
    """yaml
    [ { bpm: 120 }, { temperature: 39 } ]
    """

  Scenario: Events until another comes
    Given the official example 'listen-to-any-until-consumed.yaml'
    When the workflow is executed
    And the event is published:
    """yaml
    { type: com.fake-hospital.vitals.measurements.bpm, data: { bpm: 50 } }
    """
    And the event is published:
    """yaml
    { type: com.fake-hospital.patient.checked-out }
    """
    Then the workflow should complete with output:
    """yaml
    [ { bpm: 50 } ]
    """

  Scenario: Events until there are enough
    Given the official example 'listen-to-any-until-condition.yaml'
    When the workflow is executed
    And the event is published:
    """yaml
    { type: a, data: 1 }
    """
    And the event is published:
    """yaml
    { type: a, data: 2 }
    """
    And the event is published:
    """yaml
    { type: a, data: 3 }
    """
    And the event is published:
    """yaml
    { type: a, data: 4 }
    """
    Then the workflow should complete with output:
    """yaml
    [ 1, 2, 3, 4 ]
    """
