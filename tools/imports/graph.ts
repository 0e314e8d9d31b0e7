import { globSync, readFileSync, realpathSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

/** Files, each with those that it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  allowImportingTsExtensions: true,
};

/** Everything that a source text imports, whether for a value or for a type only. */
export const importsOf = (text: string): string[] =>
  ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);

/** The imports between the files that the patterns name, relative to the root. */
export function importGraph(root: string, patterns: readonly string[]): ImportGraph {
  const base = realpathSync(root);
  const exclude = (name: string) => name === 'node_modules' || name === 'dist';
  const files = new Set(globSync([...patterns], { cwd: base, exclude }).sort());
  const cache = ts.createModuleResolutionCache(base, (name) => name, OPTIONS);
  const resolve = (specifier: string, from: string) => {
    const mode = ts.ModuleKind.ESNext;
    const { resolvedModule } = ts.resolveModuleName(specifier, from, OPTIONS, ts.sys, cache, undefined, mode);
    return resolvedModule ? relative(base, resolvedModule.resolvedFileName) : '';
  };
  const edges = (file: string) => {
    const path = join(base, file);
    const imported = importsOf(readFileSync(path, 'utf8')).map((specifier) => resolve(specifier, path));
    return [...new Set(imported)].filter((name) => files.has(name));
  };
  return new Map([...files].map((file) => [file, edges(file)]));
}
