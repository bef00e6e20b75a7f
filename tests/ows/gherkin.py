"""The part of Gherkin that the conformance kit uses: features of scenarios, steps with one doc string each, tags, outlines."""
import dataclasses
import re

KEYWORDS = ('Given', 'When', 'Then', 'And', 'But', '*')


class GherkinError(Exception):
    pass


@dataclasses.dataclass
class Step:
    text: str
    doc: str | None
    line: int


@dataclasses.dataclass
class Scenario:
    file: str
    feature: str
    name: str
    line: int
    tags: frozenset[str]
    steps: list[Step]

    @property
    def title(self):
        return f'{self.feature}: {self.name}'


def unindent(lines, width):
    """Doc strings begin at the column of their delimiter; lines that begin before it keep what they have."""
    return ''.join(line[:width].lstrip(' \t') + line[width:] + '\n' if line.strip() else '\n' for line in lines)


class Parser:
    def __init__(self, text, file):
        self.lines, self.file, self.at = text.splitlines(), file, 0
        self.feature, self.scenarios, self.background = None, [], []

    def fail(self, line, message):
        raise GherkinError(f'{self.file}:{line}: {message}')

    def doc_string(self):
        """The doc string that begins at the current line, or None."""
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1
        if self.at == len(self.lines):
            return None
        opening = re.match(r'^(\s*)("""|```)\s*\w*\s*$', self.lines[self.at])
        if not opening:
            return None
        begin = self.at
        self.at += 1
        body = []
        while self.at < len(self.lines) and self.lines[self.at].strip() != opening[2]:
            body.append(self.lines[self.at])
            self.at += 1
        if self.at == len(self.lines):
            self.fail(begin + 1, 'the doc string has no end')
        self.at += 1
        return unindent(body, len(opening[1]))

    def table(self):
        rows = []
        while self.at < len(self.lines) and (not self.lines[self.at].strip() or self.lines[self.at].strip()[0] in '|#'):
            line = self.lines[self.at].strip()
            self.at += 1
            if line.startswith('|'):
                rows.append([cell.strip().replace('\\|', '|') for cell in re.split(r'(?<!\\)\|', line)[1:-1]])
        return rows

    def outline(self, scenario):
        head, *rows = self.table()
        self.scenarios.remove(scenario)
        for row in rows:
            if len(row) != len(head):
                self.fail(self.at, f'a row of {len(row)} cells under a head of {len(head)}')
            values = dict(zip(head, row))

            def fill(text):
                return text and re.sub(r'<([\w ]+)>', lambda m: values.get(m[1], m[0]), text)
            steps = [Step(fill(s.text), fill(s.doc), s.line) for s in scenario.steps]
            self.scenarios.append(dataclasses.replace(scenario, name=f'{scenario.name} ({", ".join(row)})', steps=steps))

    def parse(self):
        tags, feature_tags, steps = set(), set(), None
        while self.at < len(self.lines):
            line, number = self.lines[self.at].strip(), self.at + 1
            self.at += 1
            if not line or line.startswith('#'):
                continue
            word, _, rest = line.partition(' ')
            if word.startswith('@'):
                tags |= set(line.split())
            elif line.startswith('Feature:'):
                self.feature, feature_tags, tags = line[8:].strip(), tags, set()
            elif line.startswith('Background:'):
                steps = self.background
            elif re.match(r'^(Scenario|Example|Scenario Outline|Scenario Template):', line):
                steps = list(self.background)
                name = line.partition(':')[2].strip()
                self.scenarios.append(Scenario(self.file, self.feature, name, number, frozenset(feature_tags | tags), steps))
                tags = set()
            elif line in ('Examples:', 'Scenarios:'):
                self.outline(self.scenarios[-1])
            elif word in KEYWORDS and steps is not None:
                steps.append(Step(rest.strip(), self.doc_string(), number))
            elif steps is not None:
                self.fail(number, f'not a step: {line}')
            # else: the description of the feature
        return self.scenarios


def parse(path):
    with open(path, encoding='utf-8') as file:
        return Parser(file.read(), path).parse()
