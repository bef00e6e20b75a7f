Feature: Run containers
  By docker or podman, with an image of busybox.

  # docs/ows.md R8
  @container
  Scenario: A command with arguments, input and environment
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-command-with-arguments--input-and-environment
      version: '1.0.0'
    do:
      - box:
          run:
            container:
              image: perdure-test-busybox
              pullPolicy: never
              lifetime: { cleanup: always }
              command: |
                input=$(cat)
                echo "STDIN was: $input"
                echo "ARGS are $1 $2, $WHO"
              stdin: '${ "hello" }'
              arguments: [ Foo, '${ 2 }' ]
              environment: { WHO: ann }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    "STDIN was: hello\nARGS are Foo 2, ann\n"
    """

  # docs/ows.md R2, R8
  @container
  Scenario: An exit code faults the task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: an-exit-code-faults-the-task
      version: '1.0.0'
    do:
      - box:
          run:
            container:
              image: perdure-test-busybox
              pullPolicy: never
              lifetime: { cleanup: always }
              command: echo why >&2; exit 3
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/runtime, status: 500, detail: "why\n" }
    """

  # docs/ows.md R1, R8
  @container
  Scenario: All that a container gives
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: all-that-a-container-gives
      version: '1.0.0'
    do:
      - box:
          run:
            container:
              image: perdure-test-busybox
              pullPolicy: never
              lifetime: { cleanup: always }
              arguments: [ /bin/sh, -c, 'echo out; echo err >&2; exit 3' ]
            return: all
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { code: 3, stdout: "out\n", stderr: "err\n" }
    """

  # docs/ows.md R9
  @container
  Scenario: A container over its time is killed
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: test
      name: a-container-over-its-time-is-killed
      version: '1.0.0'
    do:
      - box:
          run:
            container:
              image: perdure-test-busybox
              pullPolicy: never
              lifetime: { cleanup: always }
              command: sleep 1000
          timeout: { after: { seconds: 2 } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408 }
    """
