import ts from 'typescript';

/** Exports of a module, and properties of exported interfaces and classes, that have no doc comment. */
export function undocumented(path: string): string[] {
  const program = ts.createProgram([path], {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ESNext,
  });
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(path);
  const module = file && checker.getSymbolAtLocation(file);
  if (!module) throw new Error(`${path} is no module`);
  return checker.getExportsOfModule(module).flatMap((exported) => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    return [symbol, ...ownMembers(symbol)]
      .filter((one) => one.getDocumentationComment(checker).length === 0 && one.getJsDocTags().length === 0)
      .map((one) => (one === symbol ? symbol.name : `${symbol.name}.${one.name}`));
  });
}

/** What a storage implements is documented at the interface, so only interfaces and `Client` count. */
function ownMembers(symbol: ts.Symbol): ts.Symbol[] {
  const isOpen = symbol.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.Class);
  const implementing = symbol.declarations?.some(
    (declaration) => ts.isClassDeclaration(declaration) && declaration.heritageClauses !== undefined,
  );
  if (!isOpen || implementing) return [];
  return [...(symbol.members?.values() ?? [])].filter((member) => /^[a-z]/i.test(member.name));
}
