Feature: Try and catch
  Which errors are caught, and what happens then.

  # docs/ows.md F, what each task gives
  Scenario: A caught error without a handler gives the input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-caught-error-without-a-handler-gives-the-input
      version: '1.0.0'
    do:
      - guard:
          try:
            - change: { set: { changed: true } }
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch: {}
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
    And guard should complete
    And bad should fault

  Scenario: Without an error the handler does not run
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: without-an-error-the-handler-does-not-run
      version: '1.0.0'
    do:
      - guard:
          try:
            - fine: { set: { fine: true } }
          catch:
            do:
              - handle: { set: { handled: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    fine: true
    """
    And handle should not run

  # docs/ows.md F1
  Scenario: The handler begins with the input of the try task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-handler-begins-with-the-input-of-the-try-task
      version: '1.0.0'
    do:
      - guard:
          input: { from: .inner }
          try:
            - change: { set: { changed: true } }
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            do:
              - handle: { set: { seen: '${ . }' } }
    """
    And given the workflow input is:
    """yaml
    inner: { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: { n: 1 }
    """

  # docs/ows.md X1
  Scenario: The error has the members of a problem
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-error-has-the-members-of-a-problem
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            do:
              - handle: { set: '${ $error }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { type: https://test/bad, status: 418, title: Bad, detail: Very bad, instance: /do/0/guard/try/0/bad }
    """

  Scenario: The variable of the error has a name of its own
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-variable-of-the-error-has-a-name-of-its-own
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            as: problem
            do:
              - handle: { set: { status: '${ $problem.status }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 418
    """

  # docs/ows.md X5
  Scenario: The error reaches into nested tasks of the handler
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-error-reaches-into-nested-tasks-of-the-handler
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            do:
              - outer:
                  do:
                    - inner: { set: { status: '${ $error.status }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 418
    """

  # docs/ows.md X3
  Scenario: The filter holds for type
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-filter-holds-for-type
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            errors:
              with: { type: https://test/bad }
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  # docs/ows.md X3
  Scenario: The filter does not hold for another type
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-filter-does-not-hold-for-another-type
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            errors:
              with: { type: https://test/other }
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/bad, status: 418, instance: /do/0/guard/try/0/bad }
    """
    And handle should not run
    And guard should fault

  # docs/ows.md X3
  Scenario: The filter holds for status
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-filter-holds-for-status
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            errors:
              with: { status: 418 }
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  # docs/ows.md X3
  Scenario: The filter does not hold for another status
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-filter-does-not-hold-for-another-status
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            errors:
              with: { status: 500 }
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/bad, status: 418, instance: /do/0/guard/try/0/bad }
    """
    And handle should not run
    And guard should fault

  # docs/ows.md X3
  Scenario: The filter holds for title
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-filter-holds-for-title
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            errors:
              with: { title: Bad }
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  # docs/ows.md X3
  Scenario: The filter does not hold for another title
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-filter-does-not-hold-for-another-title
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            errors:
              with: { title: bad }
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/bad, status: 418, instance: /do/0/guard/try/0/bad }
    """
    And handle should not run
    And guard should fault

  # docs/ows.md X3
  Scenario: The filter holds for detail
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-filter-holds-for-detail
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            errors:
              with: { detail: Very bad }
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  # docs/ows.md X3
  Scenario: The filter holds for instance
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-filter-holds-for-instance
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            errors:
              with: { instance: /do/0/guard/try/0/bad }
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  # docs/ows.md X3
  Scenario: The filter does not hold for another instance
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-filter-does-not-hold-for-another-instance
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            errors:
              with: { instance: /do/0/guard }
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/bad, status: 418, instance: /do/0/guard/try/0/bad }
    """
    And handle should not run
    And guard should fault

  # docs/ows.md X3
  Scenario: The filter holds for all of several members
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-filter-holds-for-all-of-several-members
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            errors:
              with: { type: https://test/bad, status: 418 }
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  # docs/ows.md X3
  Scenario: The filter does not hold for one of several members
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-filter-does-not-hold-for-one-of-several-member
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, title: Bad, detail: Very bad }
          catch:
            errors:
              with: { type: https://test/bad, status: 500 }
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/bad, status: 418, instance: /do/0/guard/try/0/bad }
    """
    And handle should not run
    And guard should fault

  # docs/ows.md D2
  Scenario: Standard errors are one by any of their names (1)
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: standard-errors-are-one-by-any-of-their-names-1
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { set: { x: '${ .a + 1 }' } }
          catch:
            errors:
              with: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/expression' }
            do:
              - handle: { set: { caught: true } }
    """
    And given the workflow input is:
    """yaml
    a: text
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  # docs/ows.md D2
  Scenario: Standard errors are one by any of their names (2)
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: standard-errors-are-one-by-any-of-their-names-2
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { set: { x: '${ .a + 1 }' } }
          catch:
            errors:
              with: { type: 'https://serverlessworkflow.io/dsl/errors/types/expression' }
            do:
              - handle: { set: { caught: true } }
    """
    And given the workflow input is:
    """yaml
    a: text
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  # docs/ows.md D2
  Scenario: Standard errors are one by any of their names (3)
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: standard-errors-are-one-by-any-of-their-names-3
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { set: { x: '${ .a + 1 }' } }
          catch:
            errors:
              with: { type: 'https://open-workflow-specification.org/dsl/errors/types/expression' }
            do:
              - handle: { set: { caught: true } }
    """
    And given the workflow input is:
    """yaml
    a: text
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  # docs/ows.md D2
  Scenario: Standard errors are one by any of their names (4)
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: standard-errors-are-one-by-any-of-their-names-4
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { set: { x: '${ .a + 1 }' } }
          catch:
            errors:
              with: { type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression' }
            do:
              - handle: { set: { caught: true } }
    """
    And given the workflow input is:
    """yaml
    a: text
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  # docs/ows.md F, stages; X4
  Scenario: A condition on the error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-condition-on-the-error
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            when: .status == 418 and $error.status == 418
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  Scenario: A condition that does not hold
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-condition-that-does-not-hold
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            when: .status == 500
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 418
    """
    And handle should not run

  Scenario: An exception to the condition
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-exception-to-the-condition
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            exceptWhen: .status == 418
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 418
    """
    And handle should not run

  # docs/ows.md X4
  Scenario: A condition and its exception both must let the error in
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-condition-and-its-exception-both-must-let-the-er
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            when: .status > 400
            exceptWhen: .status == 500
            do:
              - handle: { set: { caught: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  # docs/ows.md X8, D6
  Scenario: An error in the handler goes outward
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-error-in-the-handler-goes-outward
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            do:
              - worse: { raise: { error: { type: 'https://test/worse', status: 500 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/worse, status: 500, instance: /do/0/guard/catch/do/0/worse }
    """

  Scenario: An inner try that does not catch leaves the error to the outer one
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-inner-try-that-does-not-catch-leaves-the-error
      version: '1.0.0'
    do:
      - outer:
          try:
            - inner:
                try:
                  - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
                catch:
                  errors: { with: { status: 500 } }
                  do:
                    - wrong: { set: { by: inner } }
          catch:
            do:
              - right: { set: { by: outer, at: '${ $error.instance }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { by: outer, at: /do/0/outer/try/0/inner/try/0/bad }
    """
    And wrong should not run

  Scenario: An inner try that catches hides the error from the outer one
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-inner-try-that-catches-hides-the-error-from-the
      version: '1.0.0'
    do:
      - outer:
          try:
            - inner:
                try:
                  - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
                catch:
                  do:
                    - right: { set: { by: inner } }
          catch:
            do:
              - wrong: { set: { by: outer } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    by: inner
    """
    And wrong should not run

  Scenario: A handler may raise the error again, changed
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-handler-may-raise-the-error-again-changed
      version: '1.0.0'
    do:
      - outer:
          try:
            - inner:
                try:
                  - bad: { raise: { error: { type: 'https://test/bad', status: 418, title: Bad } } }
                catch:
                  do:
                    - again: { raise: { error: { type: 'https://test/again', status: 500, title: '${ $error.title + " again" }' } } }
          catch:
            do:
              - tell: { set: { title: '${ $error.title }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    title: Bad again
    """

  # docs/ows.md X7
  Scenario: The try task goes where its catch says
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-try-task-goes-where-its-catch-says
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
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
    way: recovered
    """
    And normal should not run

  # docs/ows.md X7
  Scenario: The directive of the catch comes after its tasks and wins over that of the task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-directive-of-the-catch-comes-after-its-tasks-a
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            do:
              - handle: { set: { handled: true } }
            then: recover
          then: normal
      - normal:
          set: { way: normal }
          then: end
      - recover:
          set: { way: recovered, handled: '${ .handled }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { way: recovered, handled: true }
    """

  # docs/ows.md X7
  Scenario: The directive of the catch is not for what went well
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-directive-of-the-catch-is-not-for-what-went-we
      version: '1.0.0'
    do:
      - guard:
          try:
            - fine: { set: { a: 1 } }
          catch:
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

  # docs/ows.md T2
  Scenario: Exit in a try completes the try task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: exit-in-a-try-completes-the-try-task
      version: '1.0.0'
    do:
      - guard:
          try:
            - leave: { set: { a: 1 }, then: exit }
            - never: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch: {}
      - after:
          set: { after: '${ .a }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: 1
    """
    And never should not run

  # docs/ows.md T3
  Scenario: End in a try ends the workflow and is no error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: end-in-a-try-ends-the-workflow-and-is-no-error
      version: '1.0.0'
    do:
      - guard:
          try:
            - stop: { set: { a: 1 }, then: end }
          catch:
            do:
              - wrong: { set: { wrong: true } }
      - after:
          set: { after: true }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """
    And wrong should not run
    And after should not run

  # docs/ows.md T3
  Scenario: End in a handler ends the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: end-in-a-handler-ends-the-workflow
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            do:
              - stop: { set: { stopped: true }, then: end }
      - after:
          set: { after: true }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    stopped: true
    """
    And after should not run

  Scenario: Output of the try task is transformed either way
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: output-of-the-try-task-is-transformed-either-way
      version: '1.0.0'
    do:
      - guard:
          try:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch:
            do:
              - handle: { set: { a: 1 } }
          output:
            as: .a
          export:
            as: '{ kept: . }'
    output:
      as: '[ ., $context.kept ]'
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 1, 1 ]
    """

  # docs/ows.md F4
  Scenario: What a failed try exported stays in the context
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: what-a-failed-try-exported-stays-in-the-context
      version: '1.0.0'
    do:
      - guard:
          try:
            - tell:
                set: { a: 1 }
                export: { as: '{ told: true }' }
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
          catch: {}
    output:
      as: $context
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    told: true
    """
