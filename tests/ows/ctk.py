#!/usr/bin/env python3
"""Runs conformance scenarios of the Open Workflow Specification against the real binary.

usage: ctk.py [FOLDER…] [--only REGEX] [--dry] [--check] [--reference] [--list] [--kill-everywhere] [--jobs N] [--no-sandbox] [--not-yet FILE] [--keep]

  FOLDER             folders of *.feature files (default: the official kit and examples, where they are found, and
                     conformance/ows)
  --only REGEX       only scenarios whose title ("Feature: Scenario"), file or tag matches
  --list             print the scenarios and stop
  --dry              run nothing: parse all, find every step's definition, read every document
  --check            run nothing: the binary reads every definition, and accepts or refuses it as the scenario says
  --reference        run them by the reference (reference.py) instead of the binary; what it does not know counts as passed
  --kill-everywhere  run each scenario once for each call that changes the store, kill -9 at that call, and go on
  --no-sandbox       do not make a private network; lead the hosts here by PERDURE_HTTP_CONNECT_TO
  --not-yet FILE     titles, one a line, of scenarios that this build is known to fail: they count as passed while they fail,
                     and as failed when they pass, so that the list stays true
  --keep             keep the folders of failed scenarios

The binary is PERDURE_BIN (default build/dev/bin/perdure), the kit PERDURE_OWS_DIR (default ../shared/ows). The last line is
"N passed, M failed"; the exit code is 1 unless all passed.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(ROOT, 'conformance/ows'), os.path.join(ROOT, 'tests')]

import certificates  # noqa: E402
import gherkin  # noqa: E402
import reference  # noqa: E402
import sandbox  # noqa: E402
import service  # noqa: E402
import services  # noqa: E402
import steps  # noqa: E402
import yaml12  # noqa: E402
from binary import Binary, BinaryError, FaultPlan  # noqa: E402

BINARY = os.environ.get('PERDURE_BIN') or os.path.join(ROOT, 'build/dev/bin/perdure')
KIT = os.environ.get('PERDURE_OWS_DIR') or os.path.join(os.path.dirname(ROOT), 'shared/ows')
ACTS = ('the event is published:', 'the workflow is cancelled')


def arguments_of(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folders', nargs='*')
    parser.add_argument('--only', default='')
    parser.add_argument('--dry', action='store_true')
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--reference', action='store_true')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--kill-everywhere', action='store_true')
    parser.add_argument('--jobs', type=int, default=int(os.environ.get('PERDURE_JOBS') or os.cpu_count() or 1))
    parser.add_argument('--no-sandbox', action='store_true')
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('--not-yet', default='')
    parser.add_argument('--share', help=argparse.SUPPRESS)  # K/N: the K-th of N workers
    return parser.parse_args(words)


def scenarios_of(arguments):
    folders = arguments.folders or [os.path.join(KIT, 'ctk/features'), os.path.join(ROOT, 'conformance/ows')]
    if not arguments.folders and os.path.isdir(KIT):
        folders.append(os.path.join(ROOT, 'tests/ows/examples'))
    found = []
    for folder in folders:
        files = [folder] if folder.endswith('.feature') else sorted(
            os.path.join(path, name) for path, _, names in os.walk(folder) for name in names if name.endswith('.feature'))
        for file in files:
            found += gherkin.parse(file)
    return [s for s in found if re.search(arguments.only, ' '.join([s.title, s.file, *s.tags]))]


def check_dry(scenario):
    """What is wrong with a scenario as it is written."""
    for one in scenario.steps:
        found = steps.find(one.text)
        if not found:
            raise steps.Failed(f'line {one.line}: no definition of the step "{one.text}"')
        if one.text.endswith(':') != (one.doc is not None):
            raise steps.Failed(f'line {one.line}: a doc string goes with a colon')
        if one.doc is not None:
            try:
                yaml12.load(one.doc)
            except yaml12.yaml.YAMLError as error:
                if '@not-yaml' not in scenario.tags:
                    raise steps.Failed(f'line {one.line}: {error}') from None


class Worker:
    """Runs scenarios one after the other, with the services that they call."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = tempfile.mkdtemp(prefix='perdure-ows-')
        self.services = service.Services()
        ca, certificate, key = certificates.make(self.folder, service.HOSTS)
        self.plain = None
        if arguments.reference:
            self.plain = service.start(self.services, 0)
        elif sandbox.inside():
            sandbox.furnish(self.folder, service.HOSTS, ca)
            service.start(self.services, 80)
            self.port = 80
            service.start(self.services, 443, certificate, key)
            self.env = {}
        else:
            plain, tls = service.start(self.services, 0), service.start(self.services, 0, certificate, key)
            self.port = plain.server_port
            to = [f'{host}:{port}:127.0.0.1:{server.server_port}' for host in service.HOSTS
                  for port, server in ((80, plain), (443, tls))]
            self.env = {'PERDURE_HTTP_CA_FILE': ca, 'PERDURE_HTTP_CONNECT_TO': ','.join(to)}
        self.others, self.containers = {}, None
        self.shim = os.path.join(os.path.dirname(os.path.dirname(BINARY)), 'lib/fault_shim.so')
        if arguments.kill_everywhere and not os.path.exists(self.shim):
            sys.exit(f'no {self.shim}; build the target fault_shim')

    def close(self):
        for other in self.others.values():
            other.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def companions(self, scenario):
        """Starts what else the scenario needs; says why it can't be run here."""
        if self.plain:
            return ''
        inside = sandbox.inside()
        for tag, name, port in (('@grpc', 'grpc_service.py', service.GRPC_PORT), ('@ws', 'message_service.py', service.SOCKET_PORT)):
            if tag not in scenario.tags or tag in self.others:
                continue
            log = ('--log', f'http://127.0.0.1:{self.port}') if tag == '@ws' else ()
            self.others[tag] = services.Service(name, '--port', port if inside else 0, *log)
            if not inside:
                to = [f'{host}:{port}:127.0.0.1:{self.others[tag].port}' for host in service.HOSTS]
                self.env['PERDURE_HTTP_CONNECT_TO'] += ',' + ','.join(to)
        if '@container' in scenario.tags and not self.containers:
            self.containers = services.Containers(self.folder)
            self.env = {**self.env, **self.containers.env, 'HOME': os.environ.get('HOME', '/')}
        return self.containers.reason if '@container' in scenario.tags else ''

    def once(self, scenario, plan=None):
        """Runs a scenario; raises what is wrong with it."""
        folder = tempfile.mkdtemp(prefix='scenario-', dir=self.folder)
        self.services.clear()
        if self.plain:
            tested = reference.Reference({host: ('127.0.0.1', self.plain.server_port) for host in service.HOSTS}, steps.error_type)
        else:
            tested = Binary(BINARY, folder, self.env, plan)
        world = steps.World(tested, self.services, KIT, killing=plan is not None)
        world.expects_events = sum(one.text in ACTS for one in scenario.steps)
        try:
            for one in scenario.steps:
                function, groups = steps.find(one.text)
                try:
                    function(world, one.doc, *groups)
                except (steps.Failed, BinaryError, subprocess.TimeoutExpired) as error:
                    raise steps.Failed(f'{os.path.basename(scenario.file)}:{one.line}: {one.text}\n{error}') from None
        except steps.Failed:
            if self.arguments.keep:
                kept = tempfile.mkdtemp(prefix='perdure-ows-kept-')
                shutil.copytree(folder, kept, dirs_exist_ok=True)
                print(f'kept in {kept}', file=sys.stderr)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def check(self, scenario):
        """Only lets the binary read the definitions."""
        with tempfile.TemporaryDirectory(prefix='scenario-', dir=self.folder) as folder:
            binary = Binary(BINARY, folder, self.env)
            world = steps.World(binary, self.services, KIT, killing=False)
            refused = [one for one in scenario.steps if one.text.startswith('the workflow should be refused')]
            for one in scenario.steps:
                function, groups = steps.find(one.text)
                if one.text.endswith('a registered workflow with definition:'):
                    world.definition = one.doc
                elif 'workflow with definition:' in one.text or 'official example' in one.text:
                    function(world, one.doc, *groups)
                else:
                    continue
                binary.last = binary.validate(world.definition)
                if not refused and binary.last.code != 0:
                    raise steps.Failed(f'{os.path.basename(scenario.file)}:{one.line}: {one.text}\n{binary.last}')
            for one in refused:
                function, groups = steps.find(one.text)
                function(world, one.doc, *groups)

    def everywhere(self, scenario):
        """Returns how often it was killed."""
        counting, killed = FaultPlan(self.shim), 0
        self.once(scenario, counting)
        for command, calls in enumerate(counting.counts):
            for at in range(1, calls + 1):
                plan = FaultPlan(self.shim, command, at)
                try:
                    self.once(scenario, plan)
                except steps.Failed as error:
                    raise steps.Failed(f'killed at call {at} of {calls} of command {command + 1}: {error}') from None
                killed += plan.killed
        return killed

    def result(self, scenario):
        started, more = time.monotonic(), ''
        try:
            check_dry(scenario)
            if self.arguments.check:
                self.check(scenario)
            elif missing := self.companions(scenario):
                more = f', not run: {missing}'
            elif self.arguments.kill_everywhere and '@ws' in scenario.tags:
                self.once(scenario)
                more = ', not killed: a web socket does not send again what it has sent'
            elif self.arguments.kill_everywhere:
                more = f', killed {self.everywhere(scenario)} times'
            elif self.arguments.reference and '@refused' in scenario.tags:
                more = ', not for the reference'
            else:
                self.once(scenario)
            return {'title': scenario.title, 'ok': True, 'more': f'{time.monotonic() - started:.1f} s{more}'}
        except steps.Failed as error:
            return {'title': scenario.title, 'ok': False, 'more': str(error)}
        except reference.NotThere as error:
            return {'title': scenario.title, 'ok': True, 'more': f'the reference does not know {error}'}
        except Exception as error:  # pylint: disable=broad-except  # one scenario must not end the others
            return {'title': scenario.title, 'ok': False, 'more': f'{type(error).__name__}: {error}'}


def work(arguments):
    """One of several workers: results as lines of JSON."""
    if not sandbox.inside() and not arguments.no_sandbox and not arguments.reference:
        sandbox.enter()
        print('no private namespaces here; the hosts are led by PERDURE_HTTP_CONNECT_TO', file=sys.stderr)
    which, of = map(int, arguments.share.split('/'))
    worker = Worker(arguments)
    try:
        for scenario in scenarios_of(arguments)[which::of]:
            print(json.dumps(worker.result(scenario)), flush=True)
    finally:
        worker.close()


def results_of(arguments, words, count):
    if arguments.dry:
        for scenario in scenarios_of(arguments):
            try:
                check_dry(scenario)
                yield {'title': scenario.title, 'ok': True, 'more': 'dry'}
            except steps.Failed as error:
                yield {'title': scenario.title, 'ok': False, 'more': f'{scenario.file}: {error}'}
        return
    jobs = max(1, min(arguments.jobs, count))
    workers = [subprocess.Popen([sys.executable, '-B', os.path.abspath(__file__), *words, '--share', f'{k}/{jobs}'],
                                stdout=subprocess.PIPE, text=True) for k in range(jobs)]
    import selectors
    with selectors.DefaultSelector() as ready:
        for worker in workers:
            ready.register(worker.stdout, selectors.EVENT_READ)
        while ready.get_map():
            for key, _ in ready.select():
                line = key.fileobj.readline()
                if line:
                    yield json.loads(line)
                else:
                    ready.unregister(key.fileobj)
    for worker in workers:
        worker.wait()


def not_yet(file):
    if not file:
        return set()
    with open(file, encoding='utf-8') as lines:
        return {line.strip() for line in lines if line.strip() and not line.startswith('#')}


def main(words):
    arguments = arguments_of(words)
    if arguments.share:
        work(arguments)
        return 0
    scenarios = scenarios_of(arguments)
    if arguments.list:
        for scenario in scenarios:
            print(f'{os.path.relpath(scenario.file)}:{scenario.line}: {scenario.title}')
        print(f'{len(scenarios)} scenarios')
        return 0
    if not arguments.dry and not arguments.reference and not os.access(BINARY, os.X_OK):
        sys.exit(f'no binary at {BINARY}: build it, or name it by PERDURE_BIN')
    passed, failed, known = 0, [], not_yet(arguments.not_yet)
    for result in results_of(arguments, words, len(scenarios)):
        if result['title'] in known:
            result.update({'ok': False, 'more': f'passes now: take it off {arguments.not_yet}'} if result['ok']
                          else {'ok': True, 'more': 'not in this build'})
        passed += result['ok']
        if not result['ok']:
            failed.append(result)
        print(f'{"ok    " if result["ok"] else "FAILED"} {result["title"]}' + (f' ({result["more"]})' if result['ok'] else ''),
              flush=True)
    for result in failed:
        print(f'\n{result["title"]}\n  ' + result['more'].strip().replace('\n', '\n  '))
    lost = len(scenarios) - passed - len(failed)
    if lost:
        print(f'\n{lost} scenarios were not run: a worker died')
    print(f'{passed} passed, {len(failed) + lost} failed')
    return 0 if passed == len(scenarios) and passed else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
