Feature: Refusals
  What the schema accepts and a runtime had better refuse before anything runs.

  # docs/ows.md D3
  @refused
  Scenario: Two tasks of one name
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: two-tasks-of-one-name
      version: '1.0.0'
    do:
      - same: { set: { a: 1 } }
      - same: { set: { a: 2 } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'same'

  # docs/ows.md T1
  @refused
  Scenario: A directive to nowhere
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-directive-to-nowhere
      version: '1.0.0'
    do:
      - first: { set: { a: 1 }, then: thrid }
      - third: { set: { a: 3 } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'thrid'

  # dsl.md, Task Flow
  @refused
  Scenario: A directive into another list
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-directive-into-another-list
      version: '1.0.0'
    do:
      - first: { set: { a: 1 }, then: inner }
      - outer:
          do:
            - inner: { set: { a: 2 } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'inner'

  # dsl.md, Task Flow
  @refused
  Scenario: A directive out of its list
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-directive-out-of-its-list
      version: '1.0.0'
    do:
      - outer:
          do:
            - inner: { set: { a: 2 }, then: last }
      - last: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'last'

  # docs/ows.md T4
  @refused
  Scenario: A directive from branch to branch
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-directive-from-branch-to-branch
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - one: { set: { a: 1 }, then: two }
              - two: { set: { a: 2 } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'two'

  # docs/ows.md T1
  @refused
  Scenario: A case to nowhere
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-case-to-nowhere
      version: '1.0.0'
    do:
      - decide:
          switch:
            - one: { when: .a, then: nowhere }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'nowhere'

  # ref, Switch Case
  @refused
  Scenario: Two default cases
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: two-default-cases
      version: '1.0.0'
    do:
      - decide:
          switch:
            - one: { then: end }
            - two: { then: exit }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'two'

  # docs/ows.md E8
  @refused
  Scenario: An expression that does not compile
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-expression-that-does-not-compile
      version: '1.0.0'
    do:
      - first: { set: { a: '${ .a + }' } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'expression'

  # docs/ows.md E8
  @refused
  Scenario: A condition that does not compile
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-condition-that-does-not-compile
      version: '1.0.0'
    do:
      - first: { if: '.a ==', set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'if'

  # docs/ows.md E9
  @refused
  Scenario: A variable that is not known there
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-variable-that-is-not-known-there
      version: '1.0.0'
    do:
      - first:
          input: { from: $output }
          set: { a: 1 }
    """
    When the workflow is executed
    Then the workflow should be refused, naming '$output'

  # docs/ows.md T9
  @refused
  Scenario: A variable outside its loop
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-variable-outside-its-loop
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list, each: pet }
          do:
            - one: { set: { a: 1 } }
      - after: { set: { a: '${ $pet }' } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming '$pet'

  # docs/ows.md D11
  @refused
  Scenario: A retry policy that is not defined
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-retry-policy-that-is-not-defined
      version: '1.0.0'
    do:
      - guard:
          try:
            - one: { set: { a: 1 } }
          catch: { retry: nobody }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'nobody'

  # docs/ows.md D11
  @refused
  Scenario: An error that is not defined
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-error-that-is-not-defined
      version: '1.0.0'
    do:
      - bad: { raise: { error: nobody } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'nobody'

  # docs/ows.md D11
  @refused
  Scenario: A timeout that is not defined
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-timeout-that-is-not-defined
      version: '1.0.0'
    do:
      - one: { set: { a: 1 }, timeout: nobody }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'nobody'

  # docs/ows.md D11
  @refused
  Scenario: A function that is not defined
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-function-that-is-not-defined
      version: '1.0.0'
    do:
      - one: { call: nobody }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'nobody'

  # docs/ows.md D11
  @refused
  Scenario: An authentication that is not defined
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-authentication-that-is-not-defined
      version: '1.0.0'
    do:
      - one:
          call: http
          with: { method: get, endpoint: { uri: 'https://service.test/echo', authentication: { use: nobody } } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'nobody'

  # docs/ows.md D11
  @refused
  Scenario: A function that calls itself
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-function-that-calls-itself
      version: '1.0.0'
    use:
      functions:
        a: { call: b }
        b: { call: a }
    do:
      - one: { call: a }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'a -> b'

  # docs/ows.md D7
  @refused
  Scenario: A schedule that can not be read
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-schedule-that-can-not-be-read
      version: '1.0.0'
    schedule: { cron: 61 * * * * }
    do:
      - one: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'cron'

  # docs/ows.md E5
  @refused
  Scenario: Data in a command line
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: data-in-a-command-line
      version: '1.0.0'
    do:
      - one: { run: { shell: { command: 'echo "${ .name }"' } } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'arguments'

  # docs/ows.md R4
  @refused
  Scenario: A language that the standard does not name
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-language-that-the-standard-does-not-name
      version: '1.0.0'
    do:
      - one: { run: { script: { language: cobol, code: STOP RUN } } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'cobol'

  # docs/ows.md T11
  @refused
  Scenario: A race without branches
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-race-without-branches
      version: '1.0.0'
    do:
      - race: { fork: { compete: true, branches: [] } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'branches'

  # docs/ows.md D10
  @refused
  Scenario: A misspelt member of a filter
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-misspelt-member-of-a-filter
      version: '1.0.0'
    do:
      - guard:
          try:
            - one: { set: { a: 1 } }
          catch: { errors: { with: { statsu: 404 } } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'statsu'

  # docs/ows.md D4
  @refused
  Scenario: A task with the name of a directive
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-task-with-the-name-of-a-directive
      version: '1.0.0'
    do:
      - end: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'end'

  # docs/ows.md E10
  @refused
  Scenario: A loop variable with the name of an argument
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-loop-variable-with-the-name-of-an-argument
      version: '1.0.0'
    do:
      - loop:
          for: { in: .list, each: context }
          do:
            - one: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'context'

  # docs/ows.md D9
  @refused
  Scenario: A language of expressions that is not there
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-language-of-expressions-that-is-not-there
      version: '1.0.0'
    evaluate: { language: javascript }
    do:
      - one: { set: { a: 1 } }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'javascript'

  # YAML 1.2; docs/ows.md D5, D7
  Scenario: What is named on is not yes
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: what-is-named-on-is-not-yes
      version: '1.0.0'
    schedule:
      on:
        one: { with: { type: trigger } }
      read: data
    do:
      - one: { set: { on: yes, off: no } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { on: 'yes', off: 'no' }
    """
