Feature: Listen
  Events that a workflow waits for.

  @events
  Scenario: One event
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: one-event
      version: '1.0.0'
    do:
      - wait:
          listen: { to: { one: { with: { type: order.paid } } } }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: order.paid, data: { sum: 40 } }
    """
    Then the workflow should complete with output:
    """yaml
    [ { sum: 40 } ]
    """

  @events
  Scenario: A workflow that listens waits
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-workflow-that-listens-waits
      version: '1.0.0'
    do:
      - wait:
          listen: { to: { one: { with: { type: order.paid } } } }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: order.lost }
    """
    Then the workflow should wait

  @events
  Scenario: Events of another type are left alone
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: events-of-another-type-are-left-alone
      version: '1.0.0'
    do:
      - wait:
          listen: { to: { one: { with: { type: order.paid } } } }
          output: { as: '.[0].sum' }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: order.lost, data: { sum: 1 } }
    """
    And the event is published:
    """yaml
    { type: order.paid, data: { sum: 2 } }
    """
    Then the workflow should complete with output:
    """yaml
    2
    """

  # docs/ows.md L10
  @events
  Scenario: Every attribute of a filter must match
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: every-attribute-of-a-filter-must-match
      version: '1.0.0'
    do:
      - wait:
          listen: { to: { one: { with: { type: order.paid, source: 'https://shop/1', subject: a } } } }
          output: { as: '.[0]' }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: order.paid, source: 'https://shop/1', subject: b, data: 1 }
    """
    And the event is published:
    """yaml
    { type: order.paid, source: 'https://shop/2', subject: a, data: 2 }
    """
    And the event is published:
    """yaml
    { type: order.paid, source: 'https://shop/1', subject: a, data: 3 }
    """
    Then the workflow should complete with output:
    """yaml
    3
    """

  # docs/ows.md L10
  @events
  Scenario: A filter by an expression on the data
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-filter-by-an-expression-on-the-data
      version: '1.0.0'
    do:
      - wait:
          listen: { to: { one: { with: { type: temperature, data: '${ .value > 38 }' } } } }
          output: { as: '.[0].value' }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: temperature, data: { value: 37 } }
    """
    And the event is published:
    """yaml
    { type: temperature, data: { value: 39 } }
    """
    Then the workflow should complete with output:
    """yaml
    39
    """

  # docs/ows.md L10
  @events
  Scenario: A filter by an expression that gives a value
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-filter-by-an-expression-that-gives-a-value
      version: '1.0.0'
    do:
      - wait:
          listen: { to: { one: { with: { type: order.paid, subject: '${ $workflow.input.order }' } } } }
          output: { as: '.[0]' }
    """
    And given the workflow input is:
    """yaml
    order: o-1
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: order.paid, subject: o-2, data: 2 }
    """
    And the event is published:
    """yaml
    { type: order.paid, subject: o-1, data: 1 }
    """
    Then the workflow should complete with output:
    """yaml
    1
    """

  # docs/ows.md L10
  @events
  Scenario: A filter by a regular expression
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-filter-by-a-regular-expression
      version: '1.0.0'
    do:
      - wait:
          listen: { to: { one: { with: { type: 'order\.(paid|refunded)' } } } }
          output: { as: '.[0]' }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: order.paid.late, data: 1 }
    """
    And the event is published:
    """yaml
    { type: order.refunded, data: 2 }
    """
    Then the workflow should complete with output:
    """yaml
    2
    """

  # docs/ows.md L6
  @events
  Scenario: Any of several events
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: any-of-several-events
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              any:
                - with: { type: a }
                - with: { type: b }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: c, data: 1 }
    """
    And the event is published:
    """yaml
    { type: b, data: 2 }
    """
    Then the workflow should complete with output:
    """yaml
    [ 2 ]
    """

  # docs/ows.md L6
  @events
  Scenario: Any event at all
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: any-event-at-all
      version: '1.0.0'
    do:
      - wait:
          listen: { to: { any: [] } }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: whatever, data: 1 }
    """
    Then the workflow should complete with output:
    """yaml
    [ 1 ]
    """

  # docs/ows.md L5
  @events
  Scenario: All of several events, in order of arrival
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: all-of-several-events-in-order-of-arrival
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              all:
                - with: { type: a }
                - with: { type: b }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: b, data: 1 }
    """
    And the event is published:
    """yaml
    { type: b, data: 2 }
    """
    And the event is published:
    """yaml
    { type: a, data: 3 }
    """
    Then the workflow should complete with output:
    """yaml
    [ 1, 3 ]
    """

  # docs/ows.md L5
  @events
  Scenario: An event counts for one filter
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-event-counts-for-one-filter
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              all:
                - with: { type: a }
                - with: { type: a }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: a, data: 1 }
    """
    And the event is published:
    """yaml
    { type: a, data: 2 }
    """
    Then the workflow should complete with output:
    """yaml
    [ 1, 2 ]
    """

  # docs/ows.md L7
  @events
  Scenario: Until a condition holds
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: until-a-condition-holds
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              any:
                - with: { type: a }
              until: ( . | length ) == 3
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: a, data: 1 }
    """
    And the event is published:
    """yaml
    { type: a, data: 2 }
    """
    And the event is published:
    """yaml
    { type: a, data: 3 }
    """
    Then the workflow should complete with output:
    """yaml
    [ 1, 2, 3 ]
    """

  # docs/ows.md L8
  @events
  Scenario: Until another event, which is not in the output
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: until-another-event-which-is-not-in-the-output
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              any:
                - with: { type: a }
              until:
                one:
                  with: { type: stop }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: a, data: 1 }
    """
    And the event is published:
    """yaml
    { type: a, data: 2 }
    """
    And the event is published:
    """yaml
    { type: stop, data: 3 }
    """
    Then the workflow should complete with output:
    """yaml
    [ 1, 2 ]
    """

  # docs/ows.md L8
  @events
  Scenario: Until all of several events
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: until-all-of-several-events
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              any:
                - with: { type: a }
              until:
                all:
                  - with: { type: stop }
                  - with: { type: really }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: stop }
    """
    And the event is published:
    """yaml
    { type: a, data: 1 }
    """
    And the event is published:
    """yaml
    { type: really }
    """
    Then the workflow should complete with output:
    """yaml
    [ 1 ]
    """

  # docs/ows.md L9
  @events
  Scenario: Events are read with their envelope
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: events-are-read-with-their-envelope
      version: '1.0.0'
    do:
      - wait:
          listen:
            to: { one: { with: { type: order.paid } } }
            read: envelope
          output: { as: '.[0] | { type, source, subject, data }' }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: order.paid, source: 'https://shop', subject: s, data: { sum: 40 } }
    """
    Then the workflow should complete with output:
    """yaml
    { type: order.paid, source: 'https://shop', subject: s, data: { sum: 40 } }
    """

  # docs/ows.md L9
  @events
  Scenario: Events are read raw
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: events-are-read-raw
      version: '1.0.0'
    do:
      - wait:
          listen:
            to: { one: { with: { type: order.paid } } }
            read: raw
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: order.paid, data: { sum: 40 } }
    """
    Then the workflow should complete with output:
    """yaml
    [ '{"sum":40}' ]
    """

  # docs/ows.md L12
  @events
  Scenario: Each event is dealt with in turn
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: each-event-is-dealt-with-in-turn
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              any:
                - with: { type: a }
              until: ( . | length ) == 2
          foreach:
            item: event
            at: number
            do:
              - shape: { set: { number: '${ $number }', event: '${ $event }', dot: '${ . }' } }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: a, data: 10 }
    """
    And the event is published:
    """yaml
    { type: a, data: 20 }
    """
    Then the workflow should complete with output:
    """yaml
    [ { number: 0, event: 10, dot: 10 }, { number: 1, event: 20, dot: 20 } ]
    """
    And shape should run 2 times

  # docs/ows.md L12
  @events
  Scenario: Names of item and index have defaults
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: names-of-item-and-index-have-defaults
      version: '1.0.0'
    do:
      - wait:
          listen: { to: { one: { with: { type: a } } } }
          foreach:
            do:
              - shape: { set: { item: '${ $item }', index: '${ $index }' } }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: a, data: 10 }
    """
    Then the workflow should complete with output:
    """yaml
    [ { item: 10, index: 0 } ]
    """

  # docs/ows.md L12
  @events
  Scenario: Output and export of each event
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: output-and-export-of-each-event
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              any:
                - with: { type: a }
              until: ( . | length ) == 2
          foreach:
            do:
              - double: { set: { n: '${ $item * 2 }' } }
            output: { as: .n }
            export: { as: '{ sum: (($context.sum // 0) + .) }' }
    output:
      as: '{ list: ., sum: $context.sum }'
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: a, data: 10 }
    """
    And the event is published:
    """yaml
    { type: a, data: 20 }
    """
    Then the workflow should complete with output:
    """yaml
    { list: [ 20, 40 ], sum: 60 }
    """

  # docs/ows.md L12
  @events
  Scenario: Exit ends the work on one event
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: exit-ends-the-work-on-one-event
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              any:
                - with: { type: a }
              until: ( . | length ) == 2
          foreach:
            do:
              - first: { set: { kept: '${ $item }' }, then: exit }
              - never: { set: { wrong: true } }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: a, data: 10 }
    """
    And the event is published:
    """yaml
    { type: a, data: 20 }
    """
    Then the workflow should complete with output:
    """yaml
    [ { kept: 10 }, { kept: 20 } ]
    """
    And never should not run

  # docs/ows.md L11
  @events
  Scenario: Correlation with what is expected
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: correlation-with-what-is-expected
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              one:
                with: { type: order.paid }
                correlate:
                  order:
                    from: .orderid
                    expect: ${ $workflow.input.order }
          output: { as: '.[0]' }
    """
    And given the workflow input is:
    """yaml
    order: o-1
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: order.paid, orderid: o-2, data: 2 }
    """
    And the event is published:
    """yaml
    { type: order.paid, orderid: o-1, data: 1 }
    """
    Then the workflow should complete with output:
    """yaml
    1
    """

  # docs/ows.md L11
  @events
  Scenario: Correlation with a constant
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: correlation-with-a-constant
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              one:
                with: { type: order.paid }
                correlate:
                  order: { from: .data.order, expect: o-1 }
          output: { as: '.[0].sum' }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: order.paid, data: { order: o-2, sum: 2 } }
    """
    And the event is published:
    """yaml
    { type: order.paid, data: { order: o-1, sum: 1 } }
    """
    Then the workflow should complete with output:
    """yaml
    1
    """

  # docs/ows.md L11
  @events
  Scenario: Without an expectation the first event sets it
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: without-an-expectation-the-first-event-sets-it
      version: '1.0.0'
    do:
      - wait:
          listen:
            to:
              all:
                - with: { type: temperature }
                  correlate: { room: { from: .roomid } }
                - with: { type: humidity }
                  correlate: { room: { from: .roomid } }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: temperature, roomid: kitchen, data: 1 }
    """
    And the event is published:
    """yaml
    { type: humidity, roomid: bath, data: 2 }
    """
    And the event is published:
    """yaml
    { type: humidity, roomid: kitchen, data: 3 }
    """
    Then the workflow should complete with output:
    """yaml
    [ 1, 3 ]
    """

  # docs/ows.md L2
  @events
  Scenario: Events that came early are not lost
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: events-that-came-early-are-not-lost
      version: '1.0.0'
    do:
      - first:
          listen: { to: { one: { with: { type: a } } } }
      - second:
          listen: { to: { one: { with: { type: b } } } }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: b, data: 2 }
    """
    And the event is published:
    """yaml
    { type: a, data: 1 }
    """
    Then the workflow should complete with output:
    """yaml
    [ 2 ]
    """

  # docs/ows.md L3
  @events
  Scenario: An event is consumed once
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-event-is-consumed-once
      version: '1.0.0'
    do:
      - first:
          listen: { to: { one: { with: { type: a } } } }
          export: { as: '{ first: .[0] }' }
      - second:
          listen: { to: { one: { with: { type: a } } } }
          output: { as: '{ first: $context.first, second: .[0] }' }
    """
    When the workflow is executed
    And the event is published:
    """yaml
    { type: a, data: 1 }
    """
    And the event is published:
    """yaml
    { type: a, data: 2 }
    """
    Then the workflow should complete with output:
    """yaml
    { first: 1, second: 2 }
    """

  # docs/ows.md L2
  Scenario: A workflow hears what it emitted itself
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-workflow-hears-what-it-emitted-itself
      version: '1.0.0'
    do:
      - tell:
          emit: { event: { with: { type: own, data: 7 } } }
      - hear:
          listen: { to: { one: { with: { type: own } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ 7 ]
    """

  # docs/ows.md L2
  Scenario: A branch hears another
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-branch-hears-another
      version: '1.0.0'
    do:
      - both:
          fork:
            branches:
              - hear:
                  listen: { to: { one: { with: { type: own } } } }
              - tell:
                  do:
                    - pause: { wait: { milliseconds: 30 } }
                    - emit: { emit: { event: { with: { type: own, data: 7 } } } }
                  output: { as: .data }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [ [ 7 ], 7 ]
    """

  Scenario: Listening has an end
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: listening-has-an-end
      version: '1.0.0'
    do:
      - guard:
          try:
            - wait:
                listen: { to: { one: { with: { type: never } } } }
                timeout: { after: { milliseconds: 80 } }
          catch:
            errors: { with: { status: 408 } }
            do:
              - give: { set: { gaveUp: true } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    gaveUp: true
    """
