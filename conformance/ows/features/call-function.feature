Feature: Call functions and OpenAPI
  Functions inline, from catalogs and by URI; operations by their document.

  # docs/ows.md C11
  Scenario: A function of the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-function-of-the-workflow
      version: '1.0.0'
    use:
      functions:
        double:
          input: { schema: { document: { required: [ n ] } } }
          set: { doubled: '${ .n * 2 }', dot: '${ . }' }
          output: { as: '{ doubled, keys: (.dot | keys) }' }
    do:
      - call:
          call: double
          with: { n: '${ .value }' }
    """
    And given the workflow input is:
    """yaml
    value: 7
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { doubled: 14, keys: [ n ] }
    """

  # docs/ows.md C11
  Scenario: Arguments of a function are validated by its schema
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: arguments-of-a-function-are-validated-by-its-schem
      version: '1.0.0'
    use:
      functions:
        double:
          input: { schema: { document: { required: [ n ] } } }
          set: { doubled: '${ .n * 2 }' }
    do:
      - call:
          call: double
          with: { m: 1 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400 }
    """

  # docs/ows.md C11
  Scenario: A function without arguments gets the input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-function-without-arguments-gets-the-input
      version: '1.0.0'
    use:
      functions:
        double: { set: { doubled: '${ .n * 2 }' } }
    do:
      - call: { call: double }
    """
    And given the workflow input is:
    """yaml
    n: 2
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    doubled: 4
    """

  Scenario: A function of several tasks, called twice
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-function-of-several-tasks-called-twice
      version: '1.0.0'
    use:
      functions:
        add:
          do:
            - one: { set: { n: '${ .n + 1 }' } }
            - two: { set: { n: '${ .n + 1 }' } }
    do:
      - first: { call: add, with: { n: '${ .n }' } }
      - second: { call: add, with: { n: '${ .n }' }, output: { as: '{ total: .n }' } }
    """
    And given the workflow input is:
    """yaml
    n: 0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    total: 4
    """
    And one should run 2 times

  Scenario: A function calls a function
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-function-calls-a-function
      version: '1.0.0'
    use:
      functions:
        inc: { set: { n: '${ .n + 1 }' } }
        twice:
          do:
            - one: { call: inc, with: { n: '${ .n }' } }
            - two: { call: inc, with: { n: '${ .n }' } }
    do:
      - call: { call: twice, with: { n: 5 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 7
    """

  # docs/ows.md D6
  Scenario: An error in a function
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-error-in-a-function
      version: '1.0.0'
    use:
      functions:
        fail:
          do:
            - bad: { raise: { error: { type: 'https://test/bad', status: 418 } } }
    do:
      - guard:
          try:
            - call: { call: fail }
          catch:
            do:
              - tell: { set: { status: '${ $error.status }', at: '${ $error.instance }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { status: 418, at: /use/functions/fail/do/0/bad }
    """

  # docs/ows.md C12
  @http
  Scenario: A function of a catalog
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-function-of-a-catalog
      version: '1.0.0'
    use:
      catalogs:
        ours: { endpoint: { uri: 'https://service.test' } }
    do:
      - call:
          call: greet:1.0.0@ours
          with: { name: Ann }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    greeting: Hello Ann
    """

  # docs/ows.md C12
  @http
  Scenario: A function by its URI
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-function-by-its-uri
      version: '1.0.0'
    do:
      - call:
          call: https://service.test/functions/greet/1.0.0/function.yaml
          with: { name: Ann }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    greeting: Hello Ann
    """

  # docs/ows.md C10
  @http
  Scenario: Parameters go where the document says
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: parameters-go-where-the-document-says
      version: '1.0.0'
    do:
      - call:
          call: openapi
          with:
            document: { endpoint: 'https://service.test/openapi.json' }
            operationId: getEcho
            parameters: { id: '${ .id }', tag: [ a, b ], X-Trace: t-1 }
          output: { as: '{ path, tags: .query.tag, trace: .headers["x-trace"] }' }
    """
    And given the workflow input is:
    """yaml
    id: 7
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { path: /echo/7, tags: [ a, b ], trace: t-1 }
    """

  # docs/ows.md C10
  @http
  Scenario: An operation with a body
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-operation-with-a-body
      version: '1.0.0'
    do:
      - call:
          call: openapi
          with:
            document: { endpoint: 'https://service.test/openapi.json' }
            operationId: postEcho
            parameters: { id: x, body: { name: Ann } }
          output: { as: '{ method, body }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { method: POST, body: { name: Ann } }
    """

  # docs/ows.md C10
  @http
  Scenario: A Swagger document in YAML
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-swagger-document-in-yaml
      version: '1.0.0'
    do:
      - call:
          call: openapi
          with:
            document: { endpoint: 'https://service.test/swagger.yaml' }
            operationId: getEcho
            parameters: { id: x, tag: [ a, b ] }
          output: { as: '{ path, tags: .query.tag }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { path: /echo/x, tags: [ a, b ] }
    """

  @http
  Scenario: An operation that answers with an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-operation-that-answers-with-an-error
      version: '1.0.0'
    do:
      - call:
          call: openapi
          with:
            document: { endpoint: 'https://service.test/openapi.json' }
            operationId: getStatus
            parameters: { code: 503 }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/communication, status: 503, instance: /do/0/call }
    """

  # docs/ows.md C10
  @http
  Scenario: A required parameter that is missing
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-required-parameter-that-is-missing
      version: '1.0.0'
    do:
      - call:
          call: openapi
          with:
            document: { endpoint: 'https://service.test/openapi.json' }
            operationId: getEcho
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration, status: 400, instance: /do/0/call }
    """

  # docs/ows.md C10
  @http
  Scenario: An operation that the document does not have
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-operation-that-the-document-does-not-have
      version: '1.0.0'
    do:
      - call:
          call: openapi
          with:
            document: { endpoint: 'https://service.test/openapi.json' }
            operationId: getEhco
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/configuration, status: 400, instance: /do/0/call }
    """

  # docs/ows.md C11, C12
  @http
  Scenario: The functions of another file have their own stages
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: the-functions-of-another-file-have-their-own-stage
      version: '1.0.0'
    do:
      - call:
          call: https://service.test/functions/greet/1.0.0/function.yaml
          with: { other: Ann }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/validation, status: 400, instance: /do/0/call }
    """

  # docs/ows.md C12
  @http @refused
  Scenario: Another file that is no function
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: another-file-that-is-no-function
      version: '1.0.0'
    do:
      - call:
          call: https://service.test/schemas/person.json
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'person.json'

  # docs/ows.md C12
  @http @refused
  Scenario: A function that can not be read
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-function-that-can-not-be-read
      version: '1.0.0'
    do:
      - call:
          call: https://service.test/functions/none/1.0.0/function.yaml
    """
    When the workflow is executed
    Then the workflow should be refused, naming 'none/1.0.0'

