Feature: Schemas
  Data that does not fit its schema faults, at the stage the text says.

  Scenario: Workflow input that fits
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: workflow-input-that-fits
      version: '1.0.0'
    input:
      schema:
        format: json
        document:
          type: object
          required: [ name ]
    do:
      - take:
          set: { hello: '${ .name }' }
    """
    And given the workflow input is:
    """yaml
    name: Ann
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    hello: Ann
    """

  # dsl.md, Data Flow 1; docs/ows.md F7
  Scenario: Workflow input that does not fit faults the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: workflow-input-that-does-not-fit-faults-the-workfl
      version: '1.0.0'
    input:
      schema:
        document:
          type: object
          required: [ name ]
    do:
      - take:
          set: { hello: '${ .name }' }
    """
    And given the workflow input is:
    """yaml
    nam: Ann
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /input }
    """

  # dsl.md, Data Flow 1, 2
  Scenario: Workflow input is validated before it is transformed
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: workflow-input-is-validated-before-it-is-transform
      version: '1.0.0'
    input:
      schema:
        document:
          required: [ raw ]
      from: .raw
    do:
      - take:
          set: { got: '${ . }' }
    """
    And given the workflow input is:
    """yaml
    raw: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    got: 1
    """

  # dsl.md, Data Flow 3, 4
  Scenario: Task input is validated before it is transformed
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: task-input-is-validated-before-it-is-transformed
      version: '1.0.0'
    do:
      - take:
          input:
            schema:
              document: { required: [ raw ] }
            from: .raw
          set: { got: '${ . }' }
    """
    And given the workflow input is:
    """yaml
    raw: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    got: 1
    """

  Scenario: Task input that does not fit faults the task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: task-input-that-does-not-fit-faults-the-task
      version: '1.0.0'
    do:
      - fine:
          set: { n: text }
      - take:
          input:
            schema:
              document: { properties: { n: { type: integer } } }
          set: { got: true }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /do/1/take }
    """
    And fine should complete
    And take should fault

  # dsl.md, Data Flow 6
  Scenario: Task output is validated after it is transformed
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: task-output-is-validated-after-it-is-transformed
      version: '1.0.0'
    do:
      - take:
          set: { a: 1 }
          output:
            as: .a
            schema:
              document: { type: integer }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    1
    """

  Scenario: Task output that does not fit faults the task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: task-output-that-does-not-fit-faults-the-task
      version: '1.0.0'
    do:
      - take:
          set: { a: 1 }
          output:
            as: .a
            schema:
              document: { type: string }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /do/0/take }
    """

  # dsl.md, Data Flow 8
  Scenario: An exported context that does not fit faults the task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-exported-context-that-does-not-fit-faults-the-t
      version: '1.0.0'
    do:
      - take:
          set: { a: 1 }
          export:
            as: .a
            schema:
              document: { type: object }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /do/0/take }
    """

  # dsl.md, Data Flow 11
  Scenario: Workflow output that does not fit faults the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: workflow-output-that-does-not-fit-faults-the-workf
      version: '1.0.0'
    do:
      - take:
          set: { a: 1 }
    output:
      as: .a
      schema:
        document: { type: string }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /output }
    """
    And take should complete

  Scenario: A validation error can be caught
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-validation-error-can-be-caught
      version: '1.0.0'
    do:
      - guard:
          try:
            - take:
                input:
                  schema:
                    document: { required: [ name ] }
                set: { got: true }
          catch:
            errors:
              with:
                type: https://serverlessworkflow.io/spec/1.0.0/errors/validation
            do:
              - repair:
                  set: { repaired: '${ $error.status }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    repaired: 400
    """

  @http
  Scenario: A schema read from an external resource
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-schema-read-from-an-external-resource
      version: '1.0.0'
    input:
      schema:
        format: json
        resource:
          endpoint: https://service.test/schemas/person.json
    do:
      - take:
          set: { hello: '${ .name }' }
    """
    And given the workflow input is:
    """yaml
    name: 7
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400 }
    """

  # ref, Schema; ref, External Resource
  @http
  Scenario: A schema in YAML from an external resource
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-schema-in-yaml-from-an-external-resource
      version: '1.0.0'
    do:
      - take:
          input: { schema: { resource: { endpoint: { uri: 'https://service.test/schemas/person.yaml' } } } }
          set: { hello: '${ .name }' }
    """
    And given the workflow input is:
    """yaml
    name: Ann
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    hello: Ann
    """

  # ref, External Resource
  @http @refused
  Scenario: An external resource that is no schema
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-external-resource-that-is-no-schema
      version: '1.0.0'
    do:
      - take:
          input: { schema: { resource: { endpoint: 'https://service.test/text' } } }
          set: { hello: '${ .name }' }
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'JSON Schema'

