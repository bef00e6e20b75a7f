Feature: Run
  Shells, scripts and workflows within workflows.

  # docs/ows.md R1
  @shell
  Scenario: What a shell command writes is the output
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: what-a-shell-command-writes-is-the-output
      version: '1.0.0'
    do:
      - say: { run: { shell: { command: printf hello } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    hello
    """

  # docs/ows.md R3
  @shell
  Scenario: Arguments of a shell command are data
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: arguments-of-a-shell-command-are-data
      version: '1.0.0'
    do:
      - say:
          run:
            shell:
              command: printf '%s|%s' "$1" "$2"
              arguments: [ '${ .text }', plain ]
    """
    And given the workflow input is:
    """yaml
    text: '$(echo no); `echo no`'
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    "$(echo no); `echo no`|plain"
    """

  # docs/ows.md E5
  @shell
  Scenario: Environment of a shell command
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: environment-of-a-shell-command
      version: '1.0.0'
    do:
      - say:
          run:
            shell:
              command: printf '%s' "$WHO and ${COUNT}"
              environment: { WHO: '${ .name }', COUNT: 3 }
    """
    And given the workflow input is:
    """yaml
    name: Ann
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    Ann and 3
    """

  @shell
  Scenario: Standard input of a shell command
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: standard-input-of-a-shell-command
      version: '1.0.0'
    do:
      - say:
          run:
            shell:
              command: cat
              stdin: ${ .text }
    """
    And given the workflow input is:
    """yaml
    text: some text
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    some text
    """

  @shell
  Scenario: What a shell command writes to its other stream
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: what-a-shell-command-writes-to-its-other-stream
      version: '1.0.0'
    do:
      - say: { run: { shell: { command: 'printf out; printf err >&2' }, return: stderr } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    err
    """

  # docs/ows.md R2
  @shell
  Scenario: The exit code of a shell command
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-exit-code-of-a-shell-command
      version: '1.0.0'
    do:
      - say: { run: { shell: { command: 'exit 3' }, return: code } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    3
    """

  @shell
  Scenario: All that a shell command gives
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: all-that-a-shell-command-gives
      version: '1.0.0'
    do:
      - say: { run: { shell: { command: 'printf out; printf err >&2; exit 3' }, return: all } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { code: 3, stdout: out, stderr: err }
    """

  @shell
  Scenario: Nothing of what a shell command gives
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: nothing-of-what-a-shell-command-gives
      version: '1.0.0'
    do:
      - say: { run: { shell: { command: printf hello }, return: none } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    null
    """

  # docs/ows.md R2
  @shell
  Scenario: A shell command that fails faults
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-shell-command-that-fails-faults
      version: '1.0.0'
    do:
      - say: { run: { shell: { command: 'echo why >&2; exit 3' } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime, status: 500, instance: /do/0/say }
    """
    And the error's 'detail' should match 'why'

  # ref, Run
  @shell
  Scenario: A shell command that is not awaited gives the input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-shell-command-that-is-not-awaited-gives-the-inpu
      version: '1.0.0'
    do:
      - say: { run: { shell: { command: 'sleep 0.01' }, await: false } }
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

  @python
  Scenario: A script in Python
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-script-in-python
      version: '1.0.0'
    do:
      - say:
          run:
            script:
              language: python
              code: |
                import os, sys
                print(sys.argv[1], sys.stdin.read(), os.environ["WHO"], end="")
              arguments: [ '${ .a }' ]
              stdin: ${ .b }
              environment: { WHO: Ann }
    """
    And given the workflow input is:
    """yaml
    { a: one, b: two }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    one two Ann
    """

  # docs/ows.md E5
  @python
  Scenario: The code of a script is literal
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-code-of-a-script-is-literal
      version: '1.0.0'
    do:
      - say:
          run:
            script:
              language: python
              code: print("${ .a }", end="")
    """
    And given the workflow input is:
    """yaml
    a: one
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    '${ .a }'
    """

  # docs/ows.md R7
  @subflow
  Scenario: A workflow within a workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-workflow-within-a-workflow
      version: '1.0.0'
    do:
      - call:
          run: { workflow: { namespace: test, name: child, version: '1.0.0', input: { n: '${ .n }' } } }
    """
    And given the workflow input is:
    """yaml
    n: 7
    """
    And given a registered workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: test, name: child, version: '1.0.0' }
    input: { schema: { document: { type: object, properties: { n: { type: integer } } } } }
    do:
      - double: { set: { doubled: '${ .n * 2 }', context: '${ $context }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { doubled: 14, context: { n: 7 } }
    """

  # docs/ows.md R7
  @subflow
  Scenario: The latest version of a workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-latest-version-of-a-workflow
      version: '1.0.0'
    do:
      - call:
          run: { workflow: { namespace: test, name: child, version: latest } }
    """
    And given a registered workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: test, name: child, version: 1.10.0 }
    do:
      - tell: { set: { version: new, input: '${ . }' } }
    """
    And given a registered workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: test, name: child, version: 1.9.0 }
    do:
      - tell: { set: { version: old } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { version: new, input: {} }
    """

  # docs/ows.md R7
  @subflow
  Scenario: A fault of a workflow is that of the task that ran it
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-fault-of-a-workflow-is-that-of-the-task-that-ran
      version: '1.0.0'
    do:
      - guard:
          try:
            - call:
                run: { workflow: { namespace: test, name: child, version: '1.0.0' } }
          catch:
            do:
              - tell: { set: { type: '${ $error.type }', status: '${ $error.status }', title: '${ $error.title }', at: '${ $error.instance }' } }
    """
    And given a registered workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: test, name: child, version: '1.0.0' }
    do:
      - bad: { raise: { error: { type: 'https://test/bad', status: 418, title: Bad } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { type: https://test/bad, status: 418, title: Bad, at: /do/0/guard/try/0/call }
    """

  # docs/ows.md T3
  @subflow
  Scenario: End in a workflow ends that workflow only
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: end-in-a-workflow-ends-that-workflow-only
      version: '1.0.0'
    do:
      - call:
          run: { workflow: { namespace: test, name: child, version: '1.0.0' } }
      - after: { set: { after: '${ .a }' } }
    """
    And given a registered workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: test, name: child, version: '1.0.0' }
    do:
      - outer:
          do:
            - stop: { set: { a: 1 }, then: end }
      - never: { set: { a: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    after: 1
    """

  # ref, Run
  @subflow
  Scenario: A workflow that is not awaited gives the input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-workflow-that-is-not-awaited-gives-the-input
      version: '1.0.0'
    do:
      - call:
          run: { workflow: { namespace: test, name: child, version: '1.0.0', input: { n: 1 } }, await: false }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    And given a registered workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: test, name: child, version: '1.0.0' }
    input: { schema: { document: { type: object, properties: { n: { type: integer } } } } }
    do:
      - double: { set: { doubled: '${ .n * 2 }', context: '${ $context }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    a: 1
    """

  # ref, Workflow Process
  @subflow
  Scenario: Input of a workflow is validated
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: input-of-a-workflow-is-validated
      version: '1.0.0'
    do:
      - call:
          run: { workflow: { namespace: test, name: child, version: '1.0.0', input: { n: text } } }
    """
    And given a registered workflow with definition:
    """yaml
    document: { dsl: '1.0.3', namespace: test, name: child, version: '1.0.0' }
    input: { schema: { document: { type: object, properties: { n: { type: integer } } } } }
    do:
      - double: { set: { doubled: '${ .n * 2 }', context: '${ $context }' } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /do/0/call }
    """

  # docs/ows.md X, failures
  @subflow
  Scenario: A workflow that is not there
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-workflow-that-is-not-there
      version: '1.0.0'
    do:
      - call:
          run: { workflow: { namespace: test, name: nobody, version: '1.0.0' } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration, status: 400, instance: /do/0/call }
    """

  # ref, Script Process
  @http @python
  Scenario: A script from an external resource
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-script-from-an-external-resource
      version: '1.0.0'
    do:
      - run: { run: { script: { language: python, source: { endpoint: 'https://service.test/scripts/sum.py' }, arguments: [ '2', '3' ] } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    "5\n"
    """

  # docs/ows.md R6
  @python
  Scenario: A script that is not awaited gives the input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-script-that-is-not-awaited-gives-the-input
      version: '1.0.0'
    do:
      - run: { run: { script: { language: python, code: 'import sys; sys.exit(3)' }, await: false } }
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

  # docs/ows.md R6
  @shell
  Scenario: A process that is not awaited does not hold the workflow up
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-process-that-is-not-awaited-does-not-hold-the-wo
      version: '1.0.0'
    do:
      - say: { run: { shell: { command: 'sleep 2' }, await: false } }
      - next: { set: { b: '${ .a + 1 }' } }
    """
    And given the workflow input is:
    """yaml
    a: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    b: 2
    """
    And the workflow should take at most 1500 milliseconds

