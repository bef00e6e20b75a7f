Feature: Emit
  Events with all that the standard asks of them.

  # ref, Event Properties; docs/ows.md L1
  Scenario: What is missing is filled in
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: what-is-missing-is-filled-in
      version: '1.0.0'
    do:
      - tell:
          emit:
            event:
              with:
                type: test.told.v1
    """
    When the workflow is executed
    Then the workflow output should have properties 'id', 'time'
    And the workflow output should have a 'source' property with value:
    """yaml
    /test/what-is-missing-is-filled-in/1.0.0
    """
    And the workflow output should have a 'specversion' property with value:
    """yaml
    '1.0'
    """
    And 1 event of type 'test.told.v1' should have been emitted

  Scenario: What the author gives is kept
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: what-the-author-gives-is-kept
      version: '1.0.0'
    do:
      - tell:
          emit:
            event:
              with:
                id: '${ .id }'
                source: https://test/source
                type: test.told.v1
                time: '2026-01-02T03:04:05Z'
                subject: about ${ .id }
                datacontenttype: application/json
                dataschema: https://test/schema
                traceid: t-1
                data: { id: '${ .id }' }
    """
    And given the workflow input is:
    """yaml
    id: e-1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    id: e-1
    specversion: '1.0'
    source: https://test/source
    type: test.told.v1
    time: '2026-01-02T03:04:05Z'
    subject: about e-1
    datacontenttype: application/json
    dataschema: https://test/schema
    traceid: t-1
    data: { id: e-1 }
    """

  Scenario: Data of an event may be any value
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: data-of-an-event-may-be-any-value
      version: '1.0.0'
    do:
      - tell:
          emit: { event: { with: { type: test.told.v1, data: '${ .list }' } } }
          output: { as: .data }
    """
    And given the workflow input is:
    """yaml
    list: [ 1, 2 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 1, 2 ]
    """

  Scenario: Each emission is an event of its own
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: each-emission-is-an-event-of-its-own
      version: '1.0.0'
    do:
      - loop:
          for: { in: '[ 1, 2, 3 ]' }
          do:
            - tell:
                emit: { event: { with: { type: test.told.v1, data: '${ $item }' } } }
                output: { as: '$input + { ids: (($input.ids // []) + [ .id ]) }' }
          output: { as: '{ different: (.ids | unique | length) }' }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    different: 3
    """
    And 3 events of type 'test.told.v1' should have been emitted
