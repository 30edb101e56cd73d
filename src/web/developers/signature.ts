import { type Html, html } from '../../ground/html.ts';
import { copyable, details, paragraph } from '../components/content.ts';

export type Recipe = Readonly<{ language: string; code: string }>;

/** How to check `Despatch-Signature` (docs/callbacks.md), in six languages: each a function of header, body and token. */
export const recipes: readonly Recipe[] = [
  {
    language: 'Node',
    code: `const { createHmac, timingSafeEqual } = require('node:crypto');

// body: the raw text of the request. tolerance: seconds that clocks may differ.
function isFromDespatch(header, body, token, tolerance = 300) {
  const [, time, given] = /^t=(\\d+),v1=([0-9a-f]{64})$/.exec(header ?? '') ?? [];
  if (time === undefined) return false;
  if (Math.abs(Date.now() / 1000 - Number(time)) > tolerance) return false;
  const right = createHmac('sha256', token).update(\`\${time}.\${body}\`).digest();
  return timingSafeEqual(right, Buffer.from(given, 'hex'));
}`,
  },
  {
    language: 'Python',
    code: `import hashlib
import hmac
import re
import time


def is_from_despatch(header, body, token, tolerance=300):
    """body: the raw bytes of the request. tolerance: seconds that clocks may differ."""
    found = re.fullmatch(r"t=(\\d+),v1=([0-9a-f]{64})", header or "")
    if not found or abs(time.time() - int(found[1])) > tolerance:
        return False
    signed = found[1].encode() + b"." + body
    right = hmac.new(token.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(right, found[2])`,
  },
  {
    language: 'Ruby',
    code: `require "openssl"

# body: the raw text of the request. tolerance: seconds that clocks may differ.
def from_despatch?(header, body, token, tolerance: 300)
  found = /\\At=(\\d+),v1=([0-9a-f]{64})\\z/.match(header.to_s)
  return false if found.nil? || (Time.now.to_i - found[1].to_i).abs > tolerance

  right = OpenSSL::HMAC.hexdigest("SHA256", token, "#{found[1]}.#{body}")
  OpenSSL.fixed_length_secure_compare(right, found[2])
end`,
  },
  {
    language: 'PHP',
    code: `<?php
// $body: the raw text of the request, from php://input. $tolerance: seconds that clocks may differ.
function isFromDespatch(?string $header, string $body, string $token, int $tolerance = 300): bool
{
    if (!preg_match('/\\At=(\\d+),v1=([0-9a-f]{64})\\z/', $header ?? '', $found)) {
        return false;
    }
    if (abs(time() - (int) $found[1]) > $tolerance) {
        return false;
    }
    return hash_equals(hash_hmac('sha256', $found[1] . '.' . $body, $token), $found[2]);
}`,
  },
  {
    language: 'Java',
    code: `import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

final class DespatchSignature {
    private static final Pattern FORM = Pattern.compile("t=(\\\\d{1,15}),v1=([0-9a-f]{64})");

    /** body: the raw bytes of the request. tolerance: seconds that clocks may differ. */
    static boolean isFromDespatch(String header, byte[] body, String token, long tolerance) throws Exception {
        Matcher found = FORM.matcher(header == null ? "" : header);
        if (!found.matches()) return false;
        long now = System.currentTimeMillis() / 1000;
        if (Math.abs(now - Long.parseLong(found.group(1))) > tolerance) return false;
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(token.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        mac.update((found.group(1) + ".").getBytes(StandardCharsets.UTF_8));
        return MessageDigest.isEqual(mac.doFinal(body), HexFormat.of().parseHex(found.group(2)));
    }
}`,
  },
  {
    language: '.NET',
    code: `using System;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

public static class DespatchSignature
{
    // body: the raw text of the request. tolerance: seconds that clocks may differ.
    public static bool IsFromDespatch(string? header, string body, string token, long tolerance = 300)
    {
        var found = Regex.Match(header ?? "", @"\\At=([0-9]{1,15}),v1=([0-9a-f]{64})\\z");
        if (!found.Success) return false;
        var time = found.Groups[1].Value;
        if (Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - long.Parse(time)) > tolerance) return false;
        var right = HMACSHA256.HashData(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(time + "." + body));
        return CryptographicOperations.FixedTimeEquals(right, Convert.FromHexString(found.Groups[2].Value));
    }
}`,
  },
];

/** The recipe in words, and in each language as a fold. */
export function signatureRecipe(): Html {
  const folds = recipes.map(({ language, code }, index) =>
    details({
      summary: language,
      open: index === 0,
      content: copyable({
        id: `signature-${language.toLowerCase().replace(/\W/g, '')}`,
        text: code,
        what: `the recipe for ${language}`,
      }),
    }),
  );
  return html`${paragraph(html`Each callback has a header <code>Despatch-Signature: t=1777727100,v1=5257a8…</code>: the time of the call in seconds, and the HMAC-SHA256 of that time, a full stop and the raw body, with your token as its key.`)}${paragraph('Check it before you parse the body, and refuse what is older than a few minutes: then nobody can send you an old callback again. The same callback can come twice, and callbacks can come in any order.')}${folds}`;
}
