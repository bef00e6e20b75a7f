Feature: Extensions
  Tasks before and after others.

  # docs/ows.md P1, P3, P5
  Scenario: Before and after, without touching the data
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: before-and-after-without-touching-the-data
      version: '1.0.0'
    use:
      extensions:
        - log:
            extend: set
            before:
              - enter: { set: { wrong: true }, export: { as: '$context + { log: (($context.log // []) + [ "before " + $task.name ]) }' } }
            after:
              - leave: { set: { wrong: true }, export: { as: '$context + { log: (($context.log // []) + [ "after " + $task.name ]) }' } }
    do:
      - one: { set: { a: '${ .a + 1 }' } }
      - pause: { wait: { milliseconds: 1 } }
      - two: { set: { a: '${ .a + 1 }' } }
    output:
      as: '{ a: .a, log: $context.log }'
    """
    And given the workflow input is:
    """yaml
    a: 0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { a: 2, log: [ before one, after one, before two, after two ] }
    """

  # docs/ows.md P2
  Scenario: Brackets of several extensions
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: brackets-of-several-extensions
      version: '1.0.0'
    use:
      extensions:
        - outer:
            extend: set
            before: [ { ob: { set: { x: 1 }, export: { as: '$context + { log: (($context.log // []) + [ "ob" ]) }' } } } ]
            after: [ { oa: { set: { x: 1 }, export: { as: '$context + { log: ($context.log + [ "oa" ]) }' } } } ]
        - inner:
            extend: all
            before: [ { ib: { set: { x: 1 }, export: { as: '$context + { log: (($context.log // []) + [ "ib" ]) }' } } } ]
            after: [ { ia: { set: { x: 1 }, export: { as: '$context + { log: ($context.log + [ "ia" ]) }' } } } ]
    do:
      - one: { set: { a: 1 } }
    output:
      as: $context.log
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ ob, ib, ia, oa ]
    """

  # docs/ows.md P3
  Scenario: An extension that applies under a condition
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-extension-that-applies-under-a-condition
      version: '1.0.0'
    use:
      extensions:
        - log:
            extend: set
            when: .audit
            before:
              - enter: { set: { x: 1 }, export: { as: '$context + { logged: true }' } }
    do:
      - one: { set: { audit: false } }
      - two: { set: { done: true } }
    output:
      as: '{ logged: $context.logged }'
    """
    And given the workflow input is:
    """yaml
    audit: true
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    logged: true
    """
    And enter should run 1 time

  # docs/ows.md P4, P5
  Scenario: An extension that stands in for a task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-extension-that-stands-in-for-a-task
      version: '1.0.0'
    use:
      extensions:
        - mock:
            extend: call
            when: $task.call == "http" and ($task.with.endpoint | startswith("https://mocked.test"))
            before:
              - answer: { set: { mocked: true }, then: exit }
            after:
              - never: { set: { x: 1 } }
    do:
      - call:
          call: http
          with: { method: get, endpoint: https://mocked.test/a }
      - after: { set: { mocked: '${ .mocked }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    mocked: true
    """
    And never should not run

  # docs/ows.md P6
  Scenario: An error in an extension is the task's
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-error-in-an-extension-is-the-task-s
      version: '1.0.0'
    use:
      extensions:
        - guard:
            extend: wait
            before:
              - refuse: { raise: { error: { type: 'https://test/refused', status: 403 } } }
    do:
      - attempt:
          try:
            - one: { wait: { milliseconds: 1 } }
          catch:
            do:
              - tell: { set: { status: '${ $error.status }', at: '${ $error.instance }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { status: 403, at: /use/extensions/0/guard/before/0/refuse }
    """

  # docs/ows.md F2
  Scenario: A task that is skipped is not extended
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-task-that-is-skipped-is-not-extended
      version: '1.0.0'
    use:
      extensions:
        - log:
            extend: set
            before:
              - enter: { wait: { milliseconds: 1 } }
    do:
      - one: { if: .a == 2, set: { a: 1 } }
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
    And enter should not run

  # docs/ows.md P1
  Scenario: An extension of composite tasks
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-extension-of-composite-tasks
      version: '1.0.0'
    use:
      extensions:
        - log:
            extend: composite
            before:
              - enter: { set: { x: 1 }, export: { as: '$context + { entered: (($context.entered // []) + [ $task.name ]) }' } }
    do:
      - outer:
          do:
            - inner: { set: { a: 1 } }
      - both:
          fork:
            branches:
              - one: { set: { a: 1 } }
    output:
      as: $context.entered
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ outer, both ]
    """

  # P1, T5: what comes after a switch runs before the flow goes where the switch says
  Scenario: An extended switch goes where its cases say
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: default
      name: extended-switch
      version: '1.0.0'
    use:
      extensions:
        - log:
            extend: all
            before:
              - enter:
                  set: {lost: true}
                  export:
                    as: '$context + {log: (($context.log // []) + ["before \($task.name)"])}'
            after:
              - leave:
                  set: {lost: true}
                  export:
                    as: '$context + {log: ($context.log + ["after \($task.name)"])}'
    do:
      - count:
          set: {n: '${ (.n // 0) + 1 }'}
      - again:
          switch:
            - more: {when: .n < 3, then: count}
            - enough: {then: last}
      - never:
          set: {never: true}
      - last:
          set: {n: '${ .n }', log: '${ $context.log }'}
    """
    And given the workflow input is:
    """yaml
    {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 3
    log: [before count, after count, before again, after again, before count, after count, before again, after again, before count, after count, before again, after again, before last]
    """
    And never should not run

  # P1, X7
  Scenario: An extended try goes where its handler says
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: default
      name: extended-try
      version: '1.0.0'
    use:
      extensions:
        - mark:
            extend: try
            after:
              - leave:
                  set: {lost: true}
                  export: {as: '$context + {left: true}'}
    do:
      - risky:
          try:
            - fails:
                raise: {error: {type: 'https://example.test/no', status: 418}}
          catch:
            do:
              - mended: {set: {mended: true}}
            then: last
          then: end
      - never:
          set: {never: true}
      - last:
          set: {mended: '${ .mended }', left: '${ $context.left }'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    mended: true
    left: true
    """
    And never should not run

  # P1, T3
  Scenario: An extended switch ends the workflow after what comes after it
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: default
      name: extended-end
      version: '1.0.0'
    use:
      extensions:
        - mark:
            extend: switch
            when: '$task.name == "stop"'
            after:
              - leave: {set: {lost: true}}
    do:
      - deep:
          do:
            - stop:
                switch:
                  - yes: {when: .go, then: never}
                  - no: {then: end}
            - never: {set: {never: true}}
      - later: {set: {later: true}}
    """
    And given the workflow input is:
    """yaml
    {a: 1}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    {a: 1}
    """
    And never should not run
    And later should not run
    And leave should run 1 times
