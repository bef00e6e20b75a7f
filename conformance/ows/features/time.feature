Feature: Wait and timeouts
  Durations in all forms, and what happens when time is over.

  # docs/ows.md F, what each task gives
  Scenario: Wait gives its input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: wait-gives-its-input
      version: '1.0.0'
    do:
      - pause: { wait: { milliseconds: 30 } }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """
    And the workflow should take at least 30 milliseconds

  # docs/ows.md T12
  Scenario: Wait for a duration as text
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: wait-for-a-duration-as-text
      version: '1.0.0'
    do:
      - pause: { wait: PT0.05S }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """
    And the workflow should take at least 50 milliseconds

  # ref, Duration
  Scenario: Wait for a duration from an expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: wait-for-a-duration-from-an-expression
      version: '1.0.0'
    do:
      - pause: { wait: '${ "PT\(.n)S" }' }
    """
    And given the workflow input is:
    """yaml
    n: 0.05
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 0.05
    """
    And the workflow should take at least 50 milliseconds

  Scenario: Wait for nothing
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: wait-for-nothing
      version: '1.0.0'
    do:
      - pause: { wait: PT0S }
      - after: { set: { after: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: true
    """

  # docs/ows.md T12
  Scenario: A duration that is none is an expression error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-duration-that-is-none-is-an-expression-error
      version: '1.0.0'
    do:
      - pause: { wait: '${ .n }' }
    """
    And given the workflow input is:
    """yaml
    n: soon
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/expression, status: 400, instance: /do/0/pause }
    """

  Scenario: The parts of a duration add up
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-parts-of-a-duration-add-up
      version: '1.0.0'
    do:
      - pause: { wait: { seconds: 0, milliseconds: 40 } }
      - more: { wait: { minutes: 0, milliseconds: 40 } }
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow should take at least 80 milliseconds

  # docs/ows.md T13
  Scenario: A task over its time faults
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-task-over-its-time-faults
      version: '1.0.0'
    do:
      - slow:
          wait: { seconds: 30 }
          timeout: { after: { milliseconds: 50 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/slow }
    """
    And the error should have properties 'title'
    And slow should fault
    And the workflow should take at most 10000 milliseconds

  # docs/ows.md T13
  Scenario: A timeout can be caught
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-timeout-can-be-caught
      version: '1.0.0'
    do:
      - guard:
          try:
            - slow:
                wait: { seconds: 30 }
                timeout: { after: PT0.05S }
          catch:
            errors: { with: { type: 'https://serverlessworkflow.io/dsl/errors/types/timeout', status: 408 } }
            do:
              - handle: { set: { late: '${ $error.instance }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    late: /do/0/guard/try/0/slow
    """

  # docs/ows.md T15
  Scenario: A timeout by name
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-timeout-by-name
      version: '1.0.0'
    use:
      timeouts:
        short: { after: { milliseconds: 50 } }
    do:
      - slow:
          wait: { seconds: 30 }
          timeout: short
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/slow }
    """

  Scenario: A timeout from an expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-timeout-from-an-expression
      version: '1.0.0'
    do:
      - slow:
          wait: { seconds: 30 }
          timeout: { after: '${ "PT\(.n)S" }' }
    """
    And given the workflow input is:
    """yaml
    n: 0.05
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/slow }
    """

  # docs/ows.md T13
  Scenario: A timeout covers all that is within a task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-timeout-covers-all-that-is-within-a-task
      version: '1.0.0'
    do:
      - outer:
          timeout: { after: { milliseconds: 100 } }
          do:
            - a: { wait: { milliseconds: 60 } }
            - b: { wait: { seconds: 30 } }
            - c: { set: { wrong: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/outer }
    """
    And c should not run

  # docs/ows.md T13
  Scenario: A try task does not catch its own timeout
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-try-task-does-not-catch-its-own-timeout
      version: '1.0.0'
    do:
      - guard:
          timeout: { after: { milliseconds: 50 } }
          try:
            - slow: { wait: { seconds: 30 } }
          catch:
            do:
              - wrong: { set: { wrong: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/guard }
    """
    And wrong should not run

  Scenario: A timeout in good time changes nothing
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-timeout-in-good-time-changes-nothing
      version: '1.0.0'
    do:
      - quick:
          wait: { milliseconds: 10 }
          timeout: { after: { seconds: 30 } }
      - after: { set: { after: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: true
    """
    And the workflow should take at most 10000 milliseconds

  @http
  Scenario: A call over its time faults
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-call-over-its-time-faults
      version: '1.0.0'
    do:
      - slow:
          call: http
          with: { method: get, endpoint: 'https://service.test/delay/20000' }
          timeout: { after: { milliseconds: 100 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/slow }
    """
    And the workflow should take at most 15000 milliseconds

  # docs/ows.md T14
  Scenario: A workflow over its time faults
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-workflow-over-its-time-faults
      version: '1.0.0'
    timeout: { after: { milliseconds: 80 } }
    do:
      - quick: { set: { a: 1 } }
      - slow: { wait: { seconds: 30 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /timeout }
    """
    And quick should complete
    And the workflow should take at most 10000 milliseconds

  # docs/ows.md T14
  Scenario: The timeout of a workflow cannot be caught
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-timeout-of-a-workflow-cannot-be-caught
      version: '1.0.0'
    timeout: { after: { milliseconds: 80 } }
    do:
      - guard:
          try:
            - slow: { wait: { seconds: 30 } }
          catch:
            do:
              - wrong: { set: { wrong: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /timeout }
    """
    And wrong should not run

  # docs/ows.md T15
  Scenario: The timeout of a workflow by name
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-timeout-of-a-workflow-by-name
      version: '1.0.0'
    use:
      timeouts:
        short: { after: PT0.08S }
    timeout: short
    do:
      - slow: { wait: { seconds: 30 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408 }
    """

  @events
  Scenario: A workflow that is cancelled
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-workflow-that-is-cancelled
      version: '1.0.0'
    do:
      - listen:
          listen:
            to: { one: { with: { type: never.happens } } }
      - after: { set: { after: true } }
    """
    When the workflow is executed
    And the workflow is cancelled
    Then the workflow should cancel
    And after should not run

  # docs/ows.md T12
  Scenario: The timeout of a workflow from an expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-timeout-of-a-workflow-from-an-expression
      version: '1.0.0'
    timeout: { after: "${ .limit }" }
    do:
      - slow: { wait: { seconds: 30 } }
    """
    And given the workflow input is:
    """yaml
    limit: PT0.08S
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /timeout }
    """

  # docs/ows.md T12
  Scenario: A timeout from an expression that gives an object
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-timeout-from-an-expression-that-gives-an-object
      version: '1.0.0'
    do:
      - slow:
          wait: { seconds: 30 }
          timeout: { after: '${ { milliseconds: .limit } }' }
    """
    And given the workflow input is:
    """yaml
    limit: 80
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/slow }
    """

  # docs/ows.md T12
  @http
  Scenario: The timeout of a call from an expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-timeout-of-a-call-from-an-expression
      version: '1.0.0'
    do:
      - slow:
          call: http
          with: { method: get, endpoint: 'https://service.test/delay/10000' }
          timeout: { after: '${ .limit }' }
    """
    And given the workflow input is:
    """yaml
    limit: PT0.2S
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/slow }
    """

  # docs/ows.md T12, T15
  Scenario: A named timeout from an expression sees the input of its task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-named-timeout-from-an-expression-sees-the-input
      version: '1.0.0'
    use: { timeouts: { short: { after: '${ .limit }' } } }
    do:
      - slow:
          input: { from: '{ limit: "PT0.08S" }' }
          wait: { seconds: 30 }
          timeout: short
    """
    And given the workflow input is:
    """yaml
    limit: PT30S
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/slow }
    """

  # docs/ows.md T12
  Scenario: A timeout from an expression that is no duration
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-timeout-from-an-expression-that-is-no-duration
      version: '1.0.0'
    do:
      - slow:
          wait: { seconds: 30 }
          timeout: { after: '${ .limit }' }
    """
    And given the workflow input is:
    """yaml
    limit: soon
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/expression, status: 400, instance: /do/0/slow }
    """

  # docs/ows.md T12, X14
  Scenario: The delay of a retry from an expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-delay-of-a-retry-from-an-expression
      version: '1.0.0'
    do:
      - tried:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 500 } } }
          catch:
            retry: { delay: '${ { milliseconds: $input.delay } }', limit: { attempt: { count: 2 } } }
    """
    And given the workflow input is:
    """yaml
    delay: 60
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/bad }
    """
    And the workflow should take at least 120 milliseconds
    And bad should run 3 times

  # docs/ows.md X14
  Scenario: The delay of a retry from its error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-delay-of-a-retry-from-its-error
      version: '1.0.0'
    do:
      - tried:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 500, detail: PT0.06S } } }
          catch:
            retry: { delay: '${ $error.detail }', limit: { attempt: { count: 1 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/bad }
    """
    And the workflow should take at least 60 milliseconds
    And bad should run 2 times

  # docs/ows.md X11, X12
  Scenario: The limits of a retry from expressions
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-limits-of-a-retry-from-expressions
      version: '1.0.0'
    do:
      - tried:
          try:
            - slow: { wait: { seconds: 30 } }
          catch:
            retry: { limit: { attempt: { duration: '${ .limit }', count: 2 }, duration: '${ $input.whole }' } }
    """
    And given the workflow input is:
    """yaml
    { limit: PT0.05S, whole: PT1S }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/tried }
    """
    And slow should run 3 times

  # docs/ows.md T12
  Scenario: A wait of years and months
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-wait-of-years-and-months
      version: '1.0.0'
    do:
      - long:
          wait: '${ .length }'
          timeout: { after: PT0.08S }
    """
    And given the workflow input is:
    """yaml
    length: P1Y2M3D
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/long }
    """

