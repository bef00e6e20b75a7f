Feature: Flow directives
  continue, exit, end and jumps, at every depth.

  # ref, Task; docs/ows.md F2
  Scenario: A task that is skipped gives its raw input and none of its stages
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-task-that-is-skipped-gives-its-raw-input-and-non
      version: '1.0.0'
    do:
      - skipped:
          if: .a == 2
          input: { from: '{ changed: true }' }
          set: { ran: true }
          output: { as: '{ changed: true }' }
          export: { as: '{ changed: true }' }
      - after:
          set: { data: '${ . }', context: '${ $context }' }
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
    And skipped should not run

  # docs/ows.md F2
  Scenario: A skipped task does not redirect
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-skipped-task-does-not-redirect
      version: '1.0.0'
    do:
      - skipped:
          if: .a == 2
          set: { ran: true }
          then: end
      - after:
          set: { after: true }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: true
    """

  Scenario: A jump forward leaves out what is between
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-jump-forward-leaves-out-what-is-between
      version: '1.0.0'
    do:
      - first:
          set: { path: [ first ] }
          then: third
      - second:
          set: { path: '${ .path + [ "second" ] }' }
      - third:
          set: { path: '${ .path + [ "third" ] }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    path: [ first, third ]
    """
    And second should not run

  Scenario: A jump back runs tasks again
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-jump-back-runs-tasks-again
      version: '1.0.0'
    do:
      - count:
          set: { n: '${ (.n // 0) + 1 }' }
      - decide:
          switch:
            - again:
                when: .n < 3
                then: count
            - done:
                then: continue
      - finish:
          set: { counted: '${ .n }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    counted: 3
    """
    And count should run 3 times
    And finish should run last

  # docs/ows.md T1
  Scenario: A task may jump to itself
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-task-may-jump-to-itself
      version: '1.0.0'
    do:
      - count:
          if: (.n // 0) < 4
          set: { n: '${ (.n // 0) + 1 }' }
          then: count
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 4
    """
    And count should run 4 times

  Scenario: End in the main list ends the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: end-in-the-main-list-ends-the-workflow
      version: '1.0.0'
    do:
      - first:
          set: { a: 1 }
          then: end
      - second:
          set: { a: 2 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """
    And second should not run

  Scenario: Exit in the main list ends the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: exit-in-the-main-list-ends-the-workflow
      version: '1.0.0'
    do:
      - first:
          set: { a: 1 }
          then: exit
      - second:
          set: { a: 2 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """
    And second should not run

  # docs/ows.md T2
  Scenario: Exit in a nested list ends that list only
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: exit-in-a-nested-list-ends-that-list-only
      version: '1.0.0'
    do:
      - outer:
          do:
            - first:
                set: { a: 1 }
                then: exit
            - second:
                set: { a: 2 }
      - after:
          set: { after: '${ .a }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: 1
    """
    And second should not run

  # docs/ows.md T3
  Scenario: End in a nested list ends the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: end-in-a-nested-list-ends-the-workflow
      version: '1.0.0'
    do:
      - outer:
          do:
            - first:
                set: { a: 1 }
                then: end
            - second:
                set: { a: 2 }
      - after:
          set: { after: true }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """
    And second should not run
    And after should not run

  # docs/ows.md T3
  Scenario: End unwinds through the stages of what encloses it
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: end-unwinds-through-the-stages-of-what-encloses-it
      version: '1.0.0'
    do:
      - outer:
          do:
            - first:
                set: { a: 1 }
                then: end
          output:
            as: '{ shaped: .a }'
          export:
            as: '{ exported: .shaped }'
          then: after
      - between:
          set: { between: true }
      - after:
          set: { after: true }
    output:
      as: '{ data: ., context: $context }'
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { data: { shaped: 1 }, context: { exported: 1 } }
    """
    And after should not run

  Scenario: The last task of a nested list goes on with the task after it
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-last-task-of-a-nested-list-goes-on-with-the-ta
      version: '1.0.0'
    do:
      - outer:
          do:
            - inner:
                set: { a: 1 }
                then: continue
          then: third
      - second:
          set: { wrong: true }
      - third:
          set: { third: '${ .a }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    third: 1
    """
    And second should not run

  Scenario: A jump in a nested list stays within it
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-jump-in-a-nested-list-stays-within-it
      version: '1.0.0'
    do:
      - outer:
          do:
            - one:
                set: { p: [ one ] }
                then: three
            - two:
                set: { p: '${ .p + [ "two" ] }' }
            - three:
                set: { p: '${ .p + [ "three" ] }' }
      - after:
          set: { p: '${ .p + [ "after" ] }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    p: [ one, three, after ]
    """

  # docs/ows.md D3
  Scenario: The same name in two lists is two tasks
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-same-name-in-two-lists-is-two-tasks
      version: '1.0.0'
    do:
      - same:
          do:
            - same:
                set: { a: 1 }
                then: exit
            - other:
                set: { a: 2 }
      - other:
          set: { b: '${ .a }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    b: 1
    """

  Scenario: A case of a switch may end the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-case-of-a-switch-may-end-the-workflow
      version: '1.0.0'
    do:
      - decide:
          switch:
            - stop:
                when: .stop
                then: end
      - after:
          set: { after: true }
    """
    And given the workflow input is:
    """yaml
    stop: true
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    stop: true
    """
    And after should not run

  Scenario: A case of a switch may leave its list
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-case-of-a-switch-may-leave-its-list
      version: '1.0.0'
    do:
      - outer:
          do:
            - decide:
                switch:
                  - leave:
                      when: .leave
                      then: exit
            - inner:
                set: { inner: true }
      - after:
          set: { after: '${ .leave }' }
    """
    And given the workflow input is:
    """yaml
    leave: true
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: true
    """
    And inner should not run

  # docs/ows.md T5
  Scenario: The first case that matches wins
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-first-case-that-matches-wins
      version: '1.0.0'
    do:
      - decide:
          switch:
            - one: { when: .n > 1, then: a }
            - two: { when: .n > 0, then: b }
      - a:
          set: { took: a }
          then: end
      - b:
          set: { took: b }
          then: end
    """
    And given the workflow input is:
    """yaml
    n: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    took: a
    """

  # docs/ows.md T5
  Scenario: A default case may stand first
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-default-case-may-stand-first
      version: '1.0.0'
    do:
      - decide:
          switch:
            - otherwise: { then: b }
            - one: { when: .n > 1, then: a }
      - a:
          set: { took: a }
          then: end
      - b:
          set: { took: b }
          then: end
    """
    And given the workflow input is:
    """yaml
    n: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    took: a
    """

  # docs/ows.md T5
  Scenario: A switch without a match goes on with the next task and its input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-switch-without-a-match-goes-on-with-the-next-tas
      version: '1.0.0'
    do:
      - decide:
          switch:
            - one: { when: .n > 9, then: end }
      - after:
          set: { seen: '${ . }' }
    """
    And given the workflow input is:
    """yaml
    n: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: { n: 5 }
    """

  # docs/ows.md T5
  Scenario: The case wins over the directive of the task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-case-wins-over-the-directive-of-the-task
      version: '1.0.0'
    do:
      - decide:
          switch:
            - one: { when: .n == 5, then: b }
          then: end
      - a:
          set: { took: a }
          then: end
      - b:
          set: { took: b }
    """
    And given the workflow input is:
    """yaml
    n: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    took: b
    """

  Scenario: A switch looks at its transformed input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-switch-looks-at-its-transformed-input
      version: '1.0.0'
    do:
      - decide:
          input: { from: .inner }
          switch:
            - one: { when: .n == 5, then: after }
          then: end
      - between:
          set: { between: true }
      - after:
          set: { seen: '${ . }' }
    """
    And given the workflow input is:
    """yaml
    inner: { n: 5 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: { n: 5 }
    """
    And between should not run
