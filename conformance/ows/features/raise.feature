Feature: Raise
  Errors by definition and by name.

  Scenario: An error by name
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-error-by-name
      version: '1.0.0'
    use:
      errors:
        teapot: { type: 'https://test/teapot', status: 418, title: Teapot }
    do:
      - bad: { raise: { error: teapot } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/teapot, status: 418, title: Teapot, instance: /do/0/bad }
    """
    And bad should fault

  # docs/ows.md X2, E4
  Scenario: Texts of an error may be expressions
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: texts-of-an-error-may-be-expressions
      version: '1.0.0'
    do:
      - bad:
          raise:
            error:
              type: ${ "https://test/" + .kind }
              status: 418
              title: ${ "Bad \(.kind)" }
              detail: Because of ${ .kind }
    """
    And given the workflow input is:
    """yaml
    kind: tea
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://test/tea, title: Bad tea, detail: Because of tea }
    """

  Scenario: An error by name may have expressions
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-error-by-name-may-have-expressions
      version: '1.0.0'
    use:
      errors:
        broken:
          type: https://test/broken
          status: 500
          detail: ${ "\($workflow.definition.document.name) by \(.who)" }
    do:
      - bad: { raise: { error: broken } }
    """
    And given the workflow input is:
    """yaml
    who: Ann
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    detail: an-error-by-name-may-have-expressions by Ann
    """

  # docs/ows.md X2
  Scenario: The instance is the task that raised
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-instance-is-the-task-that-raised
      version: '1.0.0'
    do:
      - outer:
          do:
            - bad:
                raise:
                  error: { type: 'https://test/bad', status: 418, instance: /elsewhere }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    instance: /do/0/outer/do/0/bad
    """

  # docs/ows.md D2
  Scenario: What is raised is output as it was written
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: what-is-raised-is-output-as-it-was-written
      version: '1.0.0'
    do:
      - bad:
          raise:
            error: { type: 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime', status: 500 }
    """
    When the workflow is executed
    Then the error's 'type' should match '^https://serverlessworkflow.io/spec/1.0.0/errors/runtime$'

  Scenario: Nothing runs after an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: nothing-runs-after-an-error
      version: '1.0.0'
    do:
      - bad:
          raise: { error: { type: 'https://test/bad', status: 418 } }
          then: after
      - after: { set: { after: true } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 418
    """
    And after should not run

  Scenario: A task that is skipped raises nothing
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-task-that-is-skipped-raises-nothing
      version: '1.0.0'
    do:
      - bad:
          if: .age < 18
          raise: { error: { type: 'https://test/young', status: 403 } }
      - after: { set: { age: '${ .age }' } }
    """
    And given the workflow input is:
    """yaml
    age: 18
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    age: 18
    """
