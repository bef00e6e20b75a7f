"""The binary under test, one scenario at a time: a folder with a store, the definition as it stands in the feature file, and
the commands that a user would give. With a fault plan a command is killed at the n-th call that changes the store, and
given again, as a user does after a crash."""
import json
import os
import subprocess

REFUSED, WAITING = 2, 3
RUN = 'run-1'
COMMAND_SECONDS = 60


class BinaryError(Exception):
    pass


class FaultPlan:
    """Counts the calls of each command, or kills command number `command` at call `at`."""

    def __init__(self, shim, command=None, at=0):
        self.shim, self.command, self.at, self.counts, self.killed = shim, command, at, [], False


class Outcome:
    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    def __str__(self):
        return f'perdure {" ".join(self.words)}\nexit {self.code}\n{self.out[-2000:]}\n{self.err[-3000:]}'


class Binary:
    def __init__(self, path, folder, environment, plan=None):
        self.path, self.folder, self.plan = path, folder, plan
        self.env = {'PATH': os.environ.get('PATH', '/usr/bin:/bin'), 'HOME': folder, 'LANG': 'C.UTF-8',
                    'PERDURE_STORE': os.path.join(folder, 'store'), **environment}
        self.secrets = None
        self.commands = 0
        self.last = None

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return path

    def once(self, words, env):
        process = subprocess.run([self.path, *words], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                 cwd=self.folder, timeout=COMMAND_SECONDS, check=False)
        return Outcome(words, process.returncode, process.stdout, process.stderr)

    def change(self, *words):
        """A command that changes the store."""
        number, self.commands = self.commands, self.commands + 1
        plan, env = self.plan, self.env
        if plan:
            count = os.path.join(self.folder, f'calls-{number}')
            env = {**env, 'LD_PRELOAD': plan.shim, 'PERDURE_FAULT_DIR': env['PERDURE_STORE'], 'PERDURE_FAULT_COUNT': count}
            if plan.command == number:
                env.update(PERDURE_FAULT_AT=str(plan.at), PERDURE_FAULT_KIND='kill')
        outcome = self.once(words, env)
        if plan and outcome.code == -9:
            plan.killed = True
            outcome = self.once(words, self.env)
        elif plan and plan.command is None:
            with open(count, encoding='ascii') as file:
                plan.counts.append(int(file.read().split()[0]))
        self.last = outcome
        return outcome

    def look(self, *words):
        outcome = self.once([*words, '--json'], self.env)
        lines = [json.loads(line) for line in outcome.out.splitlines() if line.strip()]
        if not lines:
            raise BinaryError(f'{outcome}\nafter {self.last}')
        return lines

    def register(self, text, number):
        outcome = self.change('register', self.write(f'registered-{number}.yaml', text))
        if outcome.code != 0:
            raise BinaryError(str(outcome))

    def run(self, definition, value, to_end):
        self.write('input.json', json.dumps(value))
        words = ['run', self.write('workflow.yaml', definition), '--id', RUN, '--input', '@input.json', '--json']
        if self.secrets is not None:
            self.write('secrets.json', json.dumps(self.secrets))
            words += ['--secret-file', 'secrets.json']
        return self.change(*words, *(['--to-end'] if to_end else []))

    def emit(self, event, number, to_end):
        path = self.write(f'event-{number}.json', json.dumps({'id': f'event-{number}', 'source': 'https://test', **event}))
        return self.change('emit', f'@{path}', '--json', *(['--to-end'] if to_end else []))

    def cancel(self):
        return self.change('cancel', RUN, '--json')

    def validate(self, definition):
        return self.once(['validate', self.write('checked.yaml', definition), '--json'], self.env)

    def show(self):
        found = self.look('show', RUN)
        if not found:
            raise BinaryError(f'there is no run; the last command said: {self.last}')
        return found[0]

    def history(self):
        return self.look('history', RUN)
