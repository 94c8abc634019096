namespace Granary.Gateway.Management.Clients;

/// <summary>A cipher suite in the parts that RabbitMQ tells, which are Erlang's: <c>any</c>, <c>aes_256_gcm</c>, <c>aead</c>.</summary>
internal sealed record CipherSuiteJson(string KeyExchange, string Cipher, string Hash)
{
    private const string Prefix = "TLS_", Separator = "_WITH_";

    // Ciphers that see to it themselves that nothing was changed: the hash in the suite's name is for keys alone.
    private static readonly string[] Authenticated = ["gcm", "ccm", "poly1305"];

    /// <param name="suite">Its name, as the IANA has it, such as <c>TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384</c>; null: there is none.</param>
    public static CipherSuiteJson? Of(string? suite)
    {
        if (suite is null)
        {
            return null;
        }

        var name = suite.StartsWith(Prefix, StringComparison.Ordinal) ? suite[Prefix.Length..] : suite;
        var with = name.IndexOf(Separator, StringComparison.Ordinal);

        // The suites of TLS 1.3 do not say how keys are exchanged.
        var exchange = with < 0 ? "any" : Lower(name[..with]);
        var rest = Lower(with < 0 ? name : name[(with + Separator.Length)..]);
        var last = rest.LastIndexOf('_');
        var (cipher, hash) = last > 0 && rest[(last + 1)..].StartsWith("sha", StringComparison.Ordinal) ? (rest[..last], rest[(last + 1)..]) : (rest, "aead");
        return new CipherSuiteJson(exchange, cipher, Authenticated.Any(mode => cipher.Contains(mode, StringComparison.Ordinal)) ? "aead" : hash);
    }

    private static string Lower(string name) => name.ToLowerInvariant();
}
