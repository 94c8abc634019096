using System.CommandLine;
using System.Security.Authentication;
using Granary.Gateway.Management.Definitions;
using Granary.Node.Configuration;

namespace Granary.Node.Options;

/// <summary>The options of what is imported at each start.</summary>
internal sealed class DefinitionsGroup
{
    private readonly Option<string?> _path;
    private readonly Option<bool> _skip;
    private readonly Option<string?> _authority;
    private readonly Option<string> _verify;
    private readonly Option<string?> _certificate;
    private readonly Option<string?> _key;
    private readonly Option<SslProtocols> _versions;
    private readonly Settings _settings;

    public DefinitionsGroup(Settings settings)
    {
        _settings = settings;
        _path = settings.Of<string?>(
            "--load-definitions", null,
            "A definitions file, a folder with such files, or an address with https://, that is imported at each start before clients are served. A new store begins with no user and no vhost then, unless --default-user is told.",
            SettingText.AsItIs);
        _skip = settings.Of("--definitions-skip-if-unchanged", false, "Whether --load-definitions imports nothing if the same was imported last.", SettingText.Flag);
        _skip.Arity = ArgumentArity.ZeroOrOne;
        _authority = settings.Of<string?>(
            "--definitions-ca", null, "A file in PEM: the CAs that sign for the server of --load-definitions; those that the machine trusts unless told.", SettingText.AsItIs);
        _verify = settings.Of(
            "--definitions-verify", SettingText.VerifyPeer, "verify_none: whoever answers at the address of --load-definitions is believed; verify_peer: who has a certificate for it.", SettingText.Verify);
        _certificate = settings.Of<string?>("--definitions-certificate", null, "A file in PEM: the certificate that the server of --load-definitions is shown.", SettingText.AsItIs);
        _key = settings.Of<string?>("--definitions-key", null, "A file in PEM: the private key of --definitions-certificate.", SettingText.AsItIs);
        _versions = settings.Of(
            "--definitions-versions", SslProtocols.None, "The versions of TLS for the server of --load-definitions, with commas between them: tlsv1.2, tlsv1.3. Those of the machine unless told.", SettingText.TlsVersions);
    }

    public BootDefinitions? Read(ParseResult result) =>
        result.GetValue(_path) is { Length: > 0 } path
            ? new BootDefinitions(path, result.GetValue(_skip))
            {
                Server = new DefinitionsServer
                {
                    Authority = result.GetValue(_authority),
                    VerifiesPeer = result.GetValue(_verify) == SettingText.VerifyPeer,
                    Certificate = result.GetValue(_certificate),
                    Key = result.GetValue(_key),
                    KeyPassword = _settings.ReadSecret(Secret.DefinitionsKeyPassword),
                    Versions = result.GetValue(_versions),
                },
            }
            : null;
}
