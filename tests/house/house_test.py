"""The house's own rules bite: each is broken on purpose in a scratch tree, and must be reported at its place."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def configure(build, *defines):
    return subprocess.run(['cmake', '-S', os.path.join(ROOT, 'tests/house/layers'), '-B', build, *defines],
                          capture_output=True, text=True, check=False)


class LinkedLayers(unittest.TestCase):
    """cmake/module.cmake refuses an arrow that layers.cmake does not have."""

    def setUp(self):
        self.build = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.build)

    def test_allowed_arrows_configure(self):
        done = configure(self.build)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_arrow_upwards_is_refused(self):
        done = configure(self.build, '-DLOW_DEPS=high')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('layers: low -> high is not allowed', done.stderr)

    def test_arrow_to_an_unknown_module_is_refused(self):
        done = configure(self.build, '-DHIGH_DEPS=elsewhere')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('layers: high -> elsewhere is not allowed', done.stderr)


class Tidy(unittest.TestCase):
    """tools/tidy finds each planted fault, and nothing in a clean tree."""

    def setUp(self):
        self.tree = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.tree)
        subprocess.run(['git', 'init', '-q', self.tree], check=True)
        self.write('cmake/layers.cmake', 'perdure_layer(low pure)\nperdure_layer(high\n  port low) # the upper\n')
        self.write('src/low/README.md', 'low\n')
        self.write('src/low/low.h', '#pragma once\nint low();\n')
        self.write('src/low/low.cc', '#include "low/low.h"\n#include <vector>\nint low() {\n  return 1;\n}\n')

    def write(self, path, text):
        full = os.path.join(self.tree, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w', encoding='utf-8') as f:
            f.write(text)

    def tidy(self, *args):
        done = subprocess.run([os.path.join(ROOT, 'tools/tidy'), '--root', self.tree, *args], capture_output=True,
                              text=True, check=False)
        return done.returncode, done.stdout

    def assert_found(self, path, text, message):
        self.write(path, text)
        code, out = self.tidy()
        self.assertEqual(code, 1, 'nothing found')
        self.assertIn(message, out)

    def test_clean_tree_passes(self):
        self.assertEqual(self.tidy(), (0, ''))

    def test_include_upwards(self):
        self.write('src/high/README.md', 'high\n')
        self.assert_found('src/low/up.cc', '\n#include "high/high.h"\n', 'src/low/up.cc:2: layers: low -> high')

    def test_include_downwards_is_fine(self):
        self.write('src/high/README.md', 'high\n')
        self.write('src/high/high.cc', '#include "low/low.h"\n#include <thread>\n')
        self.assertEqual(self.tidy(), (0, ''))

    def test_hand_made_link(self):
        self.assert_found('src/low/CMakeLists.txt', 'target_link_libraries(perdure_low PUBLIC perdure_high)\n',
                          'src/low/CMakeLists.txt:1: links a module by hand')

    def test_impure_lines(self):
        for line in ('#include <thread>', '#include <fstream>', '#include <sys/socket.h>',
                     'auto t = std::chrono::steady_clock::now();', 'long t = time(nullptr);',
                     'const char* h = std::getenv("HOME");', 'int r = std::rand();', 'void f() { std::cout << 1; }',
                     'void f() { printf("x"); }', 'thread_local int x;',
                     'std::unordered_map<int, int> m; void f() { for (auto& e : m) g(e); }',
                     'std::unordered_map<int, int> m; void f() { for (auto& [k, v] : this->m) g(k); }'):
            with self.subTest(line):
                self.assert_found('src/low/impure.cc', f'\n{line}\n', 'src/low/impure.cc:2: purity: ')

    def test_pure_lines(self):
        for line in ('// std::cout << time(0)', 'const char* k = "printf(getenv)";', 'auto t = event.time();',
                     'TimeMs time(int);', 'std::snprintf(b, 2, "");', 'for (auto& e : ordered) g(e);',
                     'std::unordered_map<int, int> m; auto i = m.find(1);'):
            with self.subTest(line):
                self.write('src/low/pure.cc', line + '\n')
                self.assertEqual(self.tidy(), (0, ''))

    def test_allowance_needs_a_reason_and_a_use(self):
        self.write('src/low/impure.cc', '#include <atomic>\n')
        self.write('tools/tidy.allow', 'src/low/impure.cc | <atomic> | counts references\n')
        self.assertEqual(self.tidy(), (0, ''))
        self.assert_found('tools/tidy.allow', 'src/low/impure.cc | <atomic> |\n', 'not of the form')
        self.assert_found('tools/tidy.allow', 'src/low/gone.cc | <atomic> | counts\n', 'allows nothing any more')

    def test_long_function_and_its_ratchet(self):
        def body(lines):
            return 'namespace a {\nint long_one(int x) {\n' + '  x += 1;\n' * lines + '}\n}\n'
        self.assert_found('src/low/long.cc', body(100), 'src/low/long.cc:2: length: long_one has 102 lines')
        self.assertEqual(self.tidy('--adopt'), (0, ''))
        self.assertEqual(self.tidy(), (0, ''))
        self.assert_found('src/low/long.cc', body(101), 'has grown from 102 to 103')
        self.write('src/low/long.cc', body(80))
        self.tidy('--shrink')
        self.assert_found('src/low/long.cc', body(90), 'has grown from 82 to 92')
        self.write('src/low/long.cc', body(10))
        self.tidy('--shrink')
        self.assert_found('src/low/long.cc', body(80), 'long_one has 82 lines')

    def test_long_file(self):
        self.assert_found('src/low/long.h', '#pragma once\n' + 'int x;\n' * 600, 'the file has 601 lines')

    def test_words(self):
        open_end = 'TO' + 'DO'
        for text in (f'// {open_end}: later', 'auto f = "/' + 'work/main/x";', '# see https://py' + 'pi.org/simple'):
            with self.subTest(text):
                self.assert_found('src/low/words.h', text + '\n', 'src/low/words.h:1: words: ')

    def test_dead_link_and_missing_readme(self):
        self.assert_found('docs/a.md', '[gone](gone.md) [web](https://x.y) [here](a.md)\n',
                          'docs/a.md:1: docs: the link to gone.md')
        self.write('docs/a.md', '')
        self.assert_found('src/high/high.h', '#pragma once\n', 'src/high:1: docs: the module has no README.md')


class Dev(unittest.TestCase):
    """./dev is whole: every function it calls is there, once."""

    def test_help_and_unknown_command(self):
        dev = os.path.join(ROOT, 'dev')
        self.assertIn('usage: ./dev', subprocess.run([dev, 'help'], capture_output=True, text=True, check=True).stdout)
        self.assertEqual(subprocess.run([dev, 'nonsense'], capture_output=True, check=False).returncode, 1)

    def test_functions(self):
        with open(os.path.join(ROOT, 'dev'), encoding='utf-8') as f:
            text = f.read()
        defined = re.findall(r'^(\w+)\(\) \{', text, re.M)
        self.assertEqual(sorted(defined), sorted(set(defined)))
        for name in ('setup', 'build', 'run_tests', 'sanitized_tests', 'style', 'check', 'fuzz', 'fuzz_one', 'sources'):
            self.assertIn(name, defined)


if __name__ == '__main__':
    unittest.main()
