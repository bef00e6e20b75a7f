Feature: Retry
  How often, when, and what comes after.

  @http
  Scenario: A try is repeated until it succeeds
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-try-is-repeated-until-it-succeeds
      version: '1.0.0'
    do:
      - guard:
          try:
            - flaky:
                call: http
                with: { method: get, endpoint: 'https://service.test/flaky/succeeds?fail=2' }
          catch:
            errors: { with: { status: 503 } }
            retry:
              delay: { milliseconds: 10 }
              limit: { attempt: { count: 5 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    attempt: 3
    """
    And the service should have received 3 requests for 'GET /flaky/succeeds'

  # docs/ows.md X10
  @http
  Scenario: The count limits the retries, not the first attempt
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-count-limits-the-retries-not-the-first-attempt
      version: '1.0.0'
    do:
      - guard:
          try:
            - flaky:
                call: http
                with: { method: get, endpoint: 'https://service.test/flaky/limited?fail=9' }
          catch:
            retry:
              delay: { milliseconds: 10 }
              limit: { attempt: { count: 2 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 503, instance: /do/0/guard/try/0/flaky }
    """
    And the service should have received 3 requests for 'GET /flaky/limited'

  # docs/ows.md X10
  @http
  Scenario: A count of none never retries
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-count-of-none-never-retries
      version: '1.0.0'
    do:
      - guard:
          try:
            - flaky:
                call: http
                with: { method: get, endpoint: 'https://service.test/flaky/never?fail=9' }
          catch:
            retry:
              limit: { attempt: { count: 0 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 503
    """
    And the service should have received 1 request for 'GET /flaky/never'

  # docs/ows.md X6
  Scenario: The handler runs when the retries are used up
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-handler-runs-when-the-retries-are-used-up
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            retry:
              limit: { attempt: { count: 2 } }
            do:
              - handle: { set: { handled: '${ $error.status }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    handled: 418
    """
    And bad should run 3 times
    And handle should run 1 time

  # docs/ows.md X6
  Scenario: Used up without a handler the error goes outward
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: used-up-without-a-handler-the-error-goes-outward
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            retry:
              limit: { attempt: { count: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/bad, status: 418, instance: /do/0/guard/try/0/bad }
    """
    And bad should run 2 times

  # docs/ows.md X7
  @http
  Scenario: A retry that succeeds goes the normal way
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-retry-that-succeeds-goes-the-normal-way
      version: '1.0.0'
    do:
      - guard:
          try:
            - flaky:
                call: http
                with: { method: get, endpoint: 'https://service.test/flaky/normal?fail=1' }
          catch:
            retry:
              limit: { attempt: { count: 3 } }
            then: recover
      - normal:
          set: { way: normal }
          then: end
      - recover:
          set: { way: recovered }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    way: normal
    """

  # docs/ows.md X6
  Scenario: All tasks of the try run again, with its input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: all-tasks-of-the-try-run-again-with-its-input
      version: '1.0.0'
    do:
      - guard:
          try:
            - first: { set: { n: '${ .n + 1 }' } }
            - bad: { raise: { error: { type: 'https://test/bad', status: 418, title: '${ .n | tostring }' } } }
          catch:
            retry: { limit: { attempt: { count: 2 } } }
            do:
              - tell: { set: { n: '${ .n }', title: '${ $error.title }' } }
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1, title: '2' }
    """
    And first should run 3 times

  Scenario: A policy by name
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-policy-by-name
      version: '1.0.0'
    use:
      retries:
        twice:
          delay: { milliseconds: 5 }
          backoff: { constant: {} }
          limit: { attempt: { count: 2 } }
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            retry: twice
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 418
    """
    And bad should run 3 times

  # docs/ows.md X14
  Scenario: Retries wait for the delay
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: retries-wait-for-the-delay
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            retry:
              delay: { milliseconds: 100 }
              limit: { attempt: { count: 3 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 418
    """
    And the workflow should take at least 300 milliseconds

  # 50 + 100 + 150; docs/ows.md X14
  Scenario: A linear backoff grows by the delay
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-linear-backoff-grows-by-the-delay
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            retry:
              delay: { milliseconds: 50 }
              backoff: { linear: {} }
              limit: { attempt: { count: 3 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 418
    """
    And the workflow should take at least 300 milliseconds
    And the workflow should take at most 3000 milliseconds

  # 50 + 100 + 200; docs/ows.md X14
  Scenario: An exponential backoff doubles
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-exponential-backoff-doubles
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            retry:
              delay: { milliseconds: 50 }
              backoff: { exponential: {} }
              limit: { attempt: { count: 3 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 418
    """
    And the workflow should take at least 350 milliseconds
    And the workflow should take at most 3000 milliseconds

  # docs/ows.md X15
  Scenario: Jitter is added to the delay
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: jitter-is-added-to-the-delay
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            retry:
              delay: { milliseconds: 20 }
              jitter: { from: { milliseconds: 80 }, to: { milliseconds: 120 } }
              limit: { attempt: { count: 2 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 418
    """
    And the workflow should take at least 200 milliseconds
    And the workflow should take at most 3000 milliseconds

  # docs/ows.md X16
  @http
  Scenario: Retry only while its condition holds
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: retry-only-while-its-condition-holds
      version: '1.0.0'
    do:
      - guard:
          try:
            - flaky:
                call: http
                with: { method: get, endpoint: 'https://service.test/flaky/when?fail=9&status=500' }
          catch:
            retry:
              when: .status == 503
              limit: { attempt: { count: 5 } }
            do:
              - handle: { set: { gaveUp: '${ $error.status }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    gaveUp: 500
    """
    And the service should have received 1 request for 'GET /flaky/when'

  # docs/ows.md X16
  @http
  Scenario: Retry except for some errors
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: retry-except-for-some-errors
      version: '1.0.0'
    do:
      - guard:
          try:
            - flaky:
                call: http
                with: { method: get, endpoint: 'https://service.test/flaky/except?fail=9&status=404' }
          catch:
            retry:
              exceptWhen: $error.status == 404
              limit: { attempt: { count: 5 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 404
    """
    And the service should have received 1 request for 'GET /flaky/except'

  Scenario: Errors that are not caught are not retried
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: errors-that-are-not-caught-are-not-retried
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            errors: { with: { status: 503 } }
            retry: { limit: { attempt: { count: 5 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 418
    """
    And bad should run 1 time

  # docs/ows.md X12
  Scenario: A total duration ends the retries
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-total-duration-ends-the-retries
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            retry:
              delay: { milliseconds: 100 }
              limit: { duration: { milliseconds: 350 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 418
    """
    And the workflow should take at most 3000 milliseconds

  # docs/ows.md X11
  Scenario: An attempt that takes too long is a timeout that may be retried
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-attempt-that-takes-too-long-is-a-timeout-that-m
      version: '1.0.0'
    do:
      - guard:
          try:
            - slow: { wait: { seconds: 30 } }
          catch:
            retry:
              limit: { attempt: { count: 1, duration: { milliseconds: 50 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408, instance: /do/0/guard }
    """
    And slow should run 2 times
    And the workflow should take at most 10000 milliseconds

  # docs/ows.md X17
  Scenario: Attempts are counted anew in each iteration
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: attempts-are-counted-anew-in-each-iteration
      version: '1.0.0'
    do:
      - loop:
          for: { in: '[ 1, 2 ]' }
          do:
            - guard:
                try:
                  - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
                catch:
                  retry: { limit: { attempt: { count: 1 } } }
                  do:
                    - handle: { set: { handled: '${ (.handled // 0) + 1 }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    handled: 2
    """
    And bad should run 4 times
