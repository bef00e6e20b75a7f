Feature: Expressions
  What is evaluated, where, on what.

  # docs/ows.md E3
  Scenario: A text that is one expression keeps its type
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-text-that-is-one-expression-keeps-its-type
      version: '1.0.0'
    do:
      - values:
          set:
            number: ${ .n }
            list: ${ [.n, .n + 1] }
            object: '${ {n} }'
            truth: ${ .n == 7 }
            nothing: ${ .missing }
            text: ${ .n | tostring }
    """
    And given the workflow input is:
    """yaml
    n: 7
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    number: 7
    list: [7, 8]
    object: { n: 7 }
    truth: true
    nothing: null
    text: '7'
    """

  # docs/ows.md E2
  Scenario: Expressions are found at any depth of a value
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: expressions-are-found-at-any-depth-of-a-value
      version: '1.0.0'
    do:
      - values:
          set:
            outer:
              - inner: ${ .a }
              - [ '${ .b }', plain ]
    """
    And given the workflow input is:
    """yaml
    { a: 1, b: 2 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    outer: [ { inner: 1 }, [ 2, plain ] ]
    """

  # docs/ows.md E4
  Scenario: An expression among other text becomes text
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-expression-among-other-text-becomes-text
      version: '1.0.0'
    do:
      - greet:
          set:
            line: Hello ${ .name }, you are ${ .age } and like ${ .likes }!
    """
    And given the workflow input is:
    """yaml
    { name: Ann, age: 42, likes: [ tea ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    line: 'Hello Ann, you are 42 and like ["tea"]!' 
    """

  # dsl.md, Runtime Expressions (warning); docs/ows.md E4
  Scenario: What an expression yields is not evaluated again
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: what-an-expression-yields-is-not-evaluated-again
      version: '1.0.0'
    do:
      - copy:
          set:
            whole: ${ .text }
            within: "it says: ${ .text }"
    """
    And given the workflow input is:
    """yaml
    { text: '${ .secret }', secret: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    whole: '${ .secret }'
    within: 'it says: ${ .secret }'
    """

  # docs/ows.md E2
  Scenario: A bare text in a value position is a text in strict mode
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-bare-text-in-a-value-position-is-a-text-in-stric
      version: '1.0.0'
    do:
      - values:
          set:
            name: .name
            error: $error
    """
    And given the workflow input is:
    """yaml
    name: Ann
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { name: .name, error: $error }
    """

  # docs/ows.md E1
  Scenario: A bare text in an expression position is an expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-bare-text-in-an-expression-position-is-an-expres
      version: '1.0.0'
    do:
      - pick:
          if: .go
          input:
            from: .data
          set:
            sum: ${ .a + .b }
          output:
            as: .sum
    """
    And given the workflow input is:
    """yaml
    { go: true, data: { a: 1, b: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    3
    """

  # docs/ows.md E1
  Scenario: An expression position takes the enclosed form too
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-expression-position-takes-the-enclosed-form-too
      version: '1.0.0'
    do:
      - pick:
          if: ${ .go }
          input:
            from: ${ .data }
          set:
            sum: ${ .a + .b }
          output:
            as: ${ .sum }
    """
    And given the workflow input is:
    """yaml
    { go: true, data: { a: 1, b: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    3
    """

  # docs/ows.md E6
  Scenario: Loose mode evaluates bare texts
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: loose-mode-evaluates-bare-texts
      version: '1.0.0'
    evaluate:
      mode: loose
    do:
      - values:
          set:
            name: .name
            sum: .n + 1
            words: just some words
    """
    And given the workflow input is:
    """yaml
    { name: Ann, n: 2 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { name: Ann, sum: 3, words: just some words }
    """

  # ref, Evaluate
  Scenario: Loose mode keeps a text whose evaluation fails
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: loose-mode-keeps-a-text-whose-evaluation-fails
      version: '1.0.0'
    evaluate:
      mode: loose
    do:
      - values:
          set:
            broken: .name + 1
    """
    And given the workflow input is:
    """yaml
    name: Ann
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    broken: .name + 1
    """

  # docs/ows.md E7
  Scenario: Only null and false are false
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: only-null-and-false-are-false
      version: '1.0.0'
    do:
      - zero:
          if: .zero
          set: { zero: ran, text: '${ .text }' }
      - text:
          if: .text
          set: { zero: '${ .zero }', text: ran }
    """
    And given the workflow input is:
    """yaml
    { zero: 0, text: '' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { zero: ran, text: ran }
    """

  # docs/ows.md E7
  Scenario: Of several outputs the first counts and none is null
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: of-several-outputs-the-first-counts-and-none-is-nu
      version: '1.0.0'
    do:
      - values:
          set:
            first: ${ .list[] }
            none: ${ empty }
    """
    And given the workflow input is:
    """yaml
    list: [ 1, 2 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { first: 1, none: null }
    """

  # dsl.md, Runtime Expressions; docs/ows.md E8
  Scenario: An expression that fails is an expression error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-expression-that-fails-is-an-expression-error
      version: '1.0.0'
    do:
      - add:
          set:
            sum: ${ .text + 1 }
    """
    And given the workflow input is:
    """yaml
    text: a
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/spec/1.0.0/errors/expression
    status: 400
    instance: /do/0/add
    """
    And the error should have properties 'title', 'detail'

  # docs/ows.md E6, E8
  Scenario: An expression that fails in a condition is an expression error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-expression-that-fails-in-a-condition-is-an-expr
      version: '1.0.0'
    do:
      - maybe:
          if: .text + 1 == 2
          set: { ran: true }
    """
    And given the workflow input is:
    """yaml
    text: a
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/expression, status: 400, instance: /do/0/maybe }
    """

  # dsl.md, Task Descriptor
  Scenario: The task describes itself
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-task-describes-itself
      version: '1.0.0'
    do:
      - first:
          set: { a: 1 }
      - second:
          input:
            from: '{ b: .a }'
          set:
            name: ${ $task.name }
            reference: ${ $task.reference }
            kinds: ${ $task.definition | keys | map(select(. == "set")) }
            raw: ${ $task.input }
            input: ${ $input }
            started: ${ $task.startedAt.iso8601 | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T") }
            seconds: ${ $task.startedAt.epoch.seconds == ($task.startedAt.epoch.milliseconds / 1000 | floor) }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    name: second
    reference: /do/1/second
    kinds: [ set ]
    raw: { a: 1 }
    input: { b: 1 }
    started: true
    seconds: true
    """

  # dsl.md, Workflow Descriptor
  Scenario: The workflow describes itself
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-workflow-describes-itself
      version: '1.0.0'
    input:
      from: .wanted
    do:
      - tell:
          set:
            name: ${ $workflow.definition.document.name }
            raw: ${ $workflow.input }
            id: ${ $workflow.id | type }
            started: ${ $workflow.startedAt.epoch.seconds > 0 }
    """
    And given the workflow input is:
    """yaml
    wanted: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    name: the-workflow-describes-itself
    raw: { wanted: { a: 1 } }
    id: string
    started: true
    """

  # dsl.md, Runtime Descriptor
  Scenario: The runtime describes itself
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-runtime-describes-itself
      version: '1.0.0'
    do:
      - tell:
          set:
            name: ${ $runtime.name | type }
            version: ${ $runtime.version | type }
            metadata: ${ $runtime.metadata | type }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { name: string, version: string, metadata: object }
    """

  # dsl.md, Task Descriptor
  Scenario: Raw output is known to the output transformation
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: raw-output-is-known-to-the-output-transformation
      version: '1.0.0'
    do:
      - first:
          set: { a: 1 }
          output:
            as: '{ a: .a, raw: $task.output, input: $input.n }'
    """
    And given the workflow input is:
    """yaml
    n: 5
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { a: 1, raw: { a: 1 }, input: 5 }
    """
