Feature: Data Flow stages
  The eleven stages, in order, each on what the text says.

  # dsl.md, Data Flow 2
  Scenario: Workflow input is transformed for the first task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: workflow-input-is-transformed-for-the-first-task
      version: '1.0.0'
    input:
      from: .order
    do:
      - take:
          set: { id: '${ .id }', input: '${ $input }' }
    """
    And given the workflow input is:
    """yaml
    order: { id: 7 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { id: 7, input: { id: 7 } }
    """

  # docs/ows.md F6
  Scenario: Workflow input is transformed by an object
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: workflow-input-is-transformed-by-an-object
      version: '1.0.0'
    input:
      from:
        id: ${ .order.id }
        fixed: .order
    do:
      - take:
          set: ${ . }
    """
    And given the workflow input is:
    """yaml
    order: { id: 7 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { id: 7, fixed: .order }
    """

  # dsl.md, Data Flow 10
  Scenario: Workflow output is transformed
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: workflow-output-is-transformed
      version: '1.0.0'
    do:
      - first:
          set: { a: 1 }
    output:
      as: '{ result: .a }'
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    result: 1
    """

  # docs/ows.md F6
  Scenario: Workflow output is transformed by an object
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: workflow-output-is-transformed-by-an-object
      version: '1.0.0'
    do:
      - first:
          set: { a: 1 }
    output:
      as:
        result: ${ .a }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    result: 1
    """

  # dsl.md, Data Flow 9
  Scenario: A task reads what the task before it gave
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-task-reads-what-the-task-before-it-gave
      version: '1.0.0'
    do:
      - first:
          set: { a: 1 }
          output:
            as: '{ b: .a }'
      - second:
          set: { seen: '${ . }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: { b: 1 }
    """

  # docs/ows.md F, what each task gives
  Scenario: Set replaces the data
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: set-replaces-the-data
      version: '1.0.0'
    do:
      - first:
          set: { a: 1 }
      - second:
          set: { b: 2 }
    """
    And given the workflow input is:
    """yaml
    c: 3
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    b: 2
    """

  # ref, Set
  Scenario: Set takes an expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: set-takes-an-expression
      version: '1.0.0'
    do:
      - first:
          set: ${ .list | map(. * 2) }
    """
    And given the workflow input is:
    """yaml
    list: [ 1, 2 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 2, 4 ]
    """

  # dsl.md, Data Flow (diagram); docs/ows.md F3
  Scenario: The initial context is the transformed workflow input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-initial-context-is-the-transformed-workflow-in
      version: '1.0.0'
    input:
      from: .inner
    do:
      - first:
          set: { context: '${ $context }' }
    """
    And given the workflow input is:
    """yaml
    inner: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    context: { a: 1 }
    """

  # dsl.md, Data Flow 7
  Scenario: Export replaces the context
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: export-replaces-the-context
      version: '1.0.0'
    do:
      - first:
          set: { a: 1 }
          export:
            as: '{ kept: .a }'
      - second:
          set: { context: '${ $context }' }
    """
    And given the workflow input is:
    """yaml
    x: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    context: { kept: 1 }
    """

  # ref, Export
  Scenario: Export may merge into the context
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: export-may-merge-into-the-context
      version: '1.0.0'
    do:
      - first:
          set: { a: 1 }
          export:
            as: $context + .
      - second:
          set: { b: 2 }
          export:
            as: $context + .
    output:
      as: $context
    """
    And given the workflow input is:
    """yaml
    x: 0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { x: 0, a: 1, b: 2 }
    """

  # dsl.md, arguments
  Scenario: Export sees the transformed output and the input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: export-sees-the-transformed-output-and-the-input
      version: '1.0.0'
    do:
      - first:
          input:
            from: .n
          set: { raw: 1 }
          output:
            as: '{ shaped: .raw }'
          export:
            as: '{ dot: ., output: $output, input: $input, task: $task.output }'
    output:
      as: $context
    """
    And given the workflow input is:
    """yaml
    n: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    dot: { shaped: 1 }
    output: { shaped: 1 }
    input: 5
    task: { raw: 1 }
    """

  # docs/ows.md F6
  Scenario: Export by an object
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: export-by-an-object
      version: '1.0.0'
    do:
      - first:
          set: { a: 1 }
          export:
            as:
              value: ${ .a }
              literal: .a
    output:
      as: $context
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { value: 1, literal: .a }
    """

  # docs/ows.md F4
  Scenario: A context exported in a nested list is seen outside
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-context-exported-in-a-nested-list-is-seen-outsid
      version: '1.0.0'
    do:
      - outer:
          do:
            - inner:
                set: { a: 1 }
                export:
                  as: '{ fromInner: .a }'
      - after:
          set: ${ $context }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    fromInner: 1
    """

  # dsl.md, Data Flow 5, 7
  Scenario: Output is transformed before it is exported
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: output-is-transformed-before-it-is-exported
      version: '1.0.0'
    do:
      - outer:
          do:
            - inner:
                set: { a: 1 }
          output:
            as: .a
          export:
            as: '{ exported: . }'
    output:
      as: '{ output: ., context: $context }'
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { output: 1, context: { exported: 1 } }
    """

  # docs/ows.md F1
  Scenario: Input of a nested list is the transformed input of its task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: input-of-a-nested-list-is-the-transformed-input-of
      version: '1.0.0'
    do:
      - outer:
          input:
            from: .inner
          do:
            - take:
                set: { seen: '${ . }' }
    """
    And given the workflow input is:
    """yaml
    inner: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: { a: 1 }
    """

  # docs/ows.md D12
  Scenario: Without input a workflow has an empty object
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: without-input-a-workflow-has-an-empty-object
      version: '1.0.0'
    do:
      - take:
          set: { seen: '${ $workflow.input }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    seen: {}
    """

  # docs/ows.md F, what each task gives
  Scenario: An empty list of tasks gives its input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-empty-list-of-tasks-gives-its-input
      version: '1.0.0'
    do: []
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
