/** Files as LibreOffice Calc writes them, where it is installed. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const soffice = process.env['SOFFICE'] ?? 'soffice';

/** Why tests with it are skipped; false if it is installed. */
export const lacksLibreOffice =
  spawnSync(soffice, ['--version']).status === 0 ? false : `${soffice} (LibreOffice Calc) is not installed`;

export type LibreOffice = {
  /**
   * Writes a document, given as flat OpenDocument XML, as another format: a file extension, with a filter and its
   * options if there are several.
   */
  convert(document: string, format: string): Promise<Buffer>;
  /** The same, protected with a password. */
  protect(document: string, extension: string, filter: string): Promise<Buffer>;
  close(): void;
};

/** LibreOffice with a profile of its own. */
export function openLibreOffice(): LibreOffice {
  const folder = mkdtempSync(join(tmpdir(), 'despatch-soffice-'));
  const profile = join(folder, 'profile');
  let count = 0;
  const start = async (...options: string[]) => {
    await run(soffice, [`-env:UserInstallation=${pathToFileURL(profile)}`, '--headless', ...options], {
      timeout: 120_000,
    });
  };
  const begin = (document: string) => {
    count += 1;
    const made = join(folder, String(count));
    mkdirSync(made);
    const source = join(made, 'table.fods');
    writeFileSync(source, document);
    return { made, source };
  };
  const madeIn = (made: string) =>
    readFileSync(join(made, readdirSync(made).find((name) => !name.endsWith('.fods'))!));
  return {
    async convert(document, format) {
      const { made, source } = begin(document);
      await start('--convert-to', format, '--outdir', made, source);
      return madeIn(made);
    },
    async protect(document, extension, filter) {
      const { made, source } = begin(document);
      // The first start makes the profile, into which the macro is put.
      await start('--convert-to', 'csv', '--outdir', join(folder, 'first'), source);
      const target = join(made, `table.${extension}`);
      const library = join(profile, 'user/basic/Standard');
      mkdirSync(library, { recursive: true });
      const xml = '<?xml version="1.0" encoding="UTF-8"?>';
      writeFileSync(
        join(library, 'Module1.xba'),
        `${xml}<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Module1" script:language="StarBasic">${macro(source, target, filter).replace(/[&<"]/g, (sign) => `&#${sign.charCodeAt(0)};`)}</script:module>`,
      );
      writeFileSync(
        join(library, 'script.xlb'),
        `${xml}<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard" library:readonly="false" library:passwordprotected="false"><library:element library:name="Module1"/></library:library>`,
      );
      await start('vnd.sun.star.script:Standard.Module1.Protect?language=Basic&location=application');
      return madeIn(made);
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Opens a file and saves it with a password. */
function macro(source: string, target: string, filter: string): string {
  return `
Sub Protect
  Dim hidden(0) As New com.sun.star.beans.PropertyValue
  hidden(0).Name = "Hidden"
  hidden(0).Value = True
  document = StarDesktop.loadComponentFromURL("${pathToFileURL(source)}", "_blank", 0, hidden())
  Dim encryption(1) As New com.sun.star.beans.NamedValue
  encryption(0).Name = "CryptoType"
  encryption(0).Value = "Standard"
  encryption(1).Name = "OOXPassword"
  encryption(1).Value = "secret"
  Dim options(1) As New com.sun.star.beans.PropertyValue
  options(0).Name = "FilterName"
  options(0).Value = "${filter}"
  options(1).Name = ${filter.includes('Excel') ? '"EncryptionData"' : '"Password"'}
  options(1).Value = ${filter.includes('Excel') ? 'encryption()' : '"secret"'}
  document.storeToURL("${pathToFileURL(target)}", options())
  document.close(True)
  StarDesktop.terminate()
End Sub
`;
}
