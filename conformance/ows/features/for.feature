Feature: For
  Iterations, their variables, conditions and results.

  # docs/ows.md T9
  Scenario: Default names of item and index
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: default-names-of-item-and-index
      version: '1.0.0'
    do:
      - loop:
          for:
            in: .list
          do:
            - add:
                set: { seen: '${ (.seen // []) + [ { item: $item, index: $index } ] }' }
    """
    And given the workflow input is:
    """yaml
    list: [ a, b ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: [ { item: a, index: 0 }, { item: b, index: 1 } ]
    """

  Scenario: Names of item and index
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: names-of-item-and-index
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list, each: word, at: place }
          do:
            - add:
                set: { seen: '${ (.seen // []) + [ "\($place)\($word)" ] }' }
    """
    And given the workflow input is:
    """yaml
    list: [ a, b ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: [ 0a, 1b ]
    """

  # docs/ows.md F, what each task gives
  Scenario: An empty collection gives the input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-empty-collection-gives-the-input
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list }
          do:
            - add:
                set: { wrong: true }
    """
    And given the workflow input is:
    """yaml
    { list: [], kept: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { list: [], kept: 1 }
    """
    And add should not run

  # docs/ows.md T8
  Scenario: While is asked before each iteration
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: while-is-asked-before-each-iteration
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list }
          while: (.sum // 0) < 5
          do:
            - add:
                set: { sum: '${ (.sum // 0) + $item }' }
    """
    And given the workflow input is:
    """yaml
    list: [ 1, 2, 3, 4, 5 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 6
    """
    And add should run 3 times

  # docs/ows.md T8
  Scenario: While that does not hold at first runs nothing
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: while-that-does-not-hold-at-first-runs-nothing
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list }
          while: .go
          do:
            - add:
                set: { wrong: true }
    """
    And given the workflow input is:
    """yaml
    { list: [ 1 ], go: false }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { list: [ 1 ], go: false }
    """
    And add should not run

  # docs/ows.md T8
  Scenario: While sees item and index
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: while-sees-item-and-index
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list }
          while: $item != "stop" and $index < 10
          do:
            - add:
                set: { seen: '${ (.seen // []) + [ $item ] }' }
    """
    And given the workflow input is:
    """yaml
    list: [ a, b, stop, c ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: [ a, b ]
    """

  # docs/ows.md T2
  Scenario: Exit ends the iteration
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: exit-ends-the-iteration
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list }
          do:
            - odd:
                switch:
                  - even: { when: '$item % 2 == 0', then: exit }
            - add:
                set: { seen: '${ (.seen // []) + [ $item ] }' }
    """
    And given the workflow input is:
    """yaml
    list: [ 1, 2, 3 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: [ 1, 3 ]
    """

  # docs/ows.md T3
  Scenario: End in an iteration ends the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: end-in-an-iteration-ends-the-workflow
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list }
          do:
            - found:
                if: $item == 2
                set: { found: '${ $index }' }
                then: end
            - next:
                set: { at: '${ $index }' }
      - after:
          set: { after: true }
    """
    And given the workflow input is:
    """yaml
    list: [ 1, 2, 3 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    found: 1
    """
    And after should not run

  # docs/ows.md T9
  Scenario: Variables reach into nested tasks
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: variables-reach-into-nested-tasks
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list }
          do:
            - outer:
                do:
                  - inner:
                      input: { from: '{ item: $item, seen: .seen }' }
                      set: { seen: '${ (.seen // []) + [ .item ] }' }
    """
    And given the workflow input is:
    """yaml
    list: [ a, b ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: [ a, b ]
    """

  Scenario: Loops within loops
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: loops-within-loops
      version: '1.0.0'
    do:
      - rows:
          for: { in: $workflow.input.rows, each: row }
          do:
            - columns:
                for: { in: $row, each: cell }
                do:
                  - add:
                      set: { sum: '${ (.sum // 0) + $cell }' }
    """
    And given the workflow input is:
    """yaml
    rows: [ [ 1, 2 ], [ 3, 4 ] ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 10
    """
    And add should run 4 times

  # docs/ows.md T9
  Scenario: An inner variable hides the outer one of its name
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-inner-variable-hides-the-outer-one-of-its-name
      version: '1.0.0'
    do:
      - outer:
          for: { in: '[ "a", "b" ]' }
          do:
            - inner:
                for: { in: '[ 1 ]' }
                do:
                  - add:
                      set: { seen: '${ (.seen // []) + [ $item ] }' }
            - again:
                set: { seen: '${ .seen + [ $item ] }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: [ 1, a, 1, b ]
    """

  # docs/ows.md T7
  Scenario: The collection is evaluated once
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-collection-is-evaluated-once
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list }
          do:
            - grow:
                set: { list: '${ .list + [ $item ] }' }
    """
    And given the workflow input is:
    """yaml
    list: [ 1, 2 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    list: [ 1, 2, 1, 2 ]
    """

  # docs/ows.md T7
  Scenario: An inline collection
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-inline-collection
      version: '1.0.0'
    do:
      - loop:
          for:
            each: color
            in:
              - { name: red }
              - { name: '${ .other }' }
          do:
            - add:
                set: { seen: '${ (.seen // []) + [ $color.name ] }', other: '${ .other }' }
    """
    And given the workflow input is:
    """yaml
    other: blue
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { seen: [ red, blue ], other: blue }
    """

  # docs/ows.md T7
  Scenario: A collection that is no list is an expression error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-collection-that-is-no-list-is-an-expression-erro
      version: '1.0.0'
    do:
      - loop:
          for: { in: .lists }
          do:
            - add:
                set: { wrong: true }
    """
    And given the workflow input is:
    """yaml
    list: [ 1 ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/expression, status: 400, instance: /do/0/loop }
    """

  Scenario: Output of a loop is transformed once
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: output-of-a-loop-is-transformed-once
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list }
          do:
            - add:
                set: { sum: '${ (.sum // 0) + $item }' }
          output:
            as: '{ total: .sum }'
          export:
            as: '{ total: .total }'
    output:
      as: '{ data: ., context: $context }'
    """
    And given the workflow input is:
    """yaml
    list: [ 1, 2 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { data: { total: 3 }, context: { total: 3 } }
    """

  # docs/ows.md D6
  Scenario: Error in an iteration points at its task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: error-in-an-iteration-points-at-its-task
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list }
          do:
            - fine:
                set: { x: 1 }
            - bad:
                if: $item == 2
                raise:
                  error: { type: 'https://test/bad', status: 418 }
    """
    And given the workflow input is:
    """yaml
    list: [ 1, 2, 3 ]
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/bad, status: 418, instance: /do/0/loop/do/1/bad }
    """
