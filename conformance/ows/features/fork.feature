Feature: Fork
  Branches side by side, with and without a race.

  # ref, Fork
  Scenario: Outputs come in declared order
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: outputs-come-in-declared-order
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - slow:
                  do:
                    - pause: { wait: { milliseconds: 60 } }
                    - tell: { set: { name: slow } }
              - quick:
                  set: { name: quick }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { name: slow }, { name: quick } ]
    """

  Scenario: Each branch gets the transformed input of the fork
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: each-branch-gets-the-transformed-input-of-the-fork
      version: '1.0.0'
    do:
      - both:
          input: { from: .inner }
          fork:
            branches:
              - one: { set: { one: '${ .n }' } }
              - two: { set: { two: '${ .n + 1 }' } }
    """
    And given the workflow input is:
    """yaml
    inner: { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { one: 1 }, { two: 2 } ]
    """

  Scenario: A branch transforms its own output
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-branch-transforms-its-own-output
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - one:
                  set: { n: 1 }
                  output: { as: .n }
              - two:
                  set: { n: 2 }
                  output: { as: .n }
          output:
            as: add
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    3
    """

  # docs/ows.md F, what each task gives
  Scenario: Without branches there is an empty list
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: without-branches-there-is-an-empty-list
      version: '1.0.0'
    do:
      - none:
          fork:
            branches: []
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    []
    """

  Scenario: A branch that is skipped gives its input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-branch-that-is-skipped-gives-its-input
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - one: { set: { one: 1 } }
              - two: { if: .two, set: { two: 2 } }
    """
    And given the workflow input is:
    """yaml
    two: false
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ { one: 1 }, { two: false } ]
    """

  Scenario: All branches have ended before the next task begins
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: all-branches-have-ended-before-the-next-task-begin
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - slow: { wait: { milliseconds: 80 } }
              - quick: { set: { a: 1 } }
      - after:
          set: { count: '${ length }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    count: 2
    """
    And after should run last
    And the workflow should take at least 80 milliseconds

  Scenario: Branches run side by side
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: branches-run-side-by-side
      version: '1.0.0'
    do:
      - many:
          fork:
            branches:
              - a: { wait: { milliseconds: 400 } }
              - b: { wait: { milliseconds: 400 } }
              - c: { wait: { milliseconds: 400 } }
              - d: { wait: { milliseconds: 400 } }
    """
    When the workflow is executed
    Then the workflow should complete
    And the workflow should take at most 1400 milliseconds

  # docs/ows.md T10
  Scenario: A fault in a branch faults the fork and cancels the others
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-fault-in-a-branch-faults-the-fork-and-cancels-th
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - slow:
                  wait: { seconds: 30 }
              - bad:
                  raise:
                    error: { type: 'https://test/bad', status: 500 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/bad, status: 500, instance: /do/0/both/fork/branches/1/bad }
    """
    And the workflow should take at most 10000 milliseconds

  Scenario: A fault in a branch can be caught around the fork
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-fault-in-a-branch-can-be-caught-around-the-fork
      version: '1.0.0'
    do:
      - guard:
          try:
            - both:
                fork:
                  branches:
                    - bad:
                        raise:
                          error: { type: 'https://test/bad', status: 500 }
                    - good:
                        set: { a: 1 }
          catch:
            do:
              - tell:
                  set: { at: '${ $error.instance }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    at: /do/0/guard/try/0/both/fork/branches/0/bad
    """

  # docs/ows.md T11
  Scenario: The first branch to complete wins a race
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-first-branch-to-complete-wins-a-race
      version: '1.0.0'
    do:
      - race:
          fork:
            compete: true
            branches:
              - slow:
                  do:
                    - pause: { wait: { seconds: 30 } }
                    - tell: { set: { winner: slow } }
              - quick:
                  do:
                    - pause: { wait: { milliseconds: 20 } }
                    - tell: { set: { winner: quick } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    winner: quick
    """
    And the workflow should take at most 10000 milliseconds

  # docs/ows.md T11
  Scenario: A branch that faults is out of the race
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-branch-that-faults-is-out-of-the-race
      version: '1.0.0'
    do:
      - race:
          fork:
            compete: true
            branches:
              - bad:
                  raise:
                    error: { type: 'https://test/bad', status: 500 }
              - good:
                  do:
                    - pause: { wait: { milliseconds: 20 } }
                    - tell: { set: { winner: good } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    winner: good
    """

  # docs/ows.md T11
  Scenario: A race that nobody finishes faults
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-race-that-nobody-finishes-faults
      version: '1.0.0'
    do:
      - race:
          fork:
            compete: true
            branches:
              - bad: { raise: { error: { type: 'https://test/bad', status: 500 } } }
              - worse:
                  do:
                    - pause: { wait: { milliseconds: 20 } }
                    - give: { raise: { error: { type: 'https://test/worse', status: 501 } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/worse, status: 501, instance: /do/0/race/fork/branches/1/worse/do/1/give }
    """

  # docs/ows.md T3
  Scenario: End in a branch ends the workflow and cancels the others
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: end-in-a-branch-ends-the-workflow-and-cancels-the
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - slow:
                  wait: { seconds: 30 }
              - ending:
                  set: { ended: true }
                  then: end
      - after:
          set: { after: true }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    ended: true
    """
    And after should not run
    And the workflow should take at most 10000 milliseconds

  # docs/ows.md T2
  Scenario: Exit in a branch ends that branch only
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: exit-in-a-branch-ends-that-branch-only
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - one:
                  do:
                    - leave:
                        set: { left: true }
                        then: exit
                    - never:
                        set: { wrong: true }
              - two:
                  set: { two: true }
      - after:
          set: { seen: '${ . }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: [ { left: true }, { two: true } ]
    """
    And never should not run

  # docs/ows.md T4
  Scenario: A directive to leave on a branch itself ends the branch
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-directive-to-leave-on-a-branch-itself-ends-the-b
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - one: { set: { one: 1 }, then: exit }
              - two: { set: { two: 2 }, then: continue }
      - after:
          set: { seen: '${ . }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: [ { one: 1 }, { two: 2 } ]
    """

  # docs/ows.md F4
  Scenario: Branches share the context
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: branches-share-the-context
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - early:
                  set: { early: 1 }
                  export: { as: '$context + .' }
              - late:
                  do:
                    - pause: { wait: { milliseconds: 60 } }
                    - tell:
                        set: { late: 2 }
                        export: { as: '$context + .' }
    output:
      as: $context
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { early: 1, late: 2 }
    """
