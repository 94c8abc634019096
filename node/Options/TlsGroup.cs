using System.CommandLine;
using System.Security.Authentication;
using Granary.Gateway.Tls;
using Granary.Node.Configuration;

namespace Granary.Node.Options;

/// <summary>The options of what is shown to clients, and asked of them: for AMQP and gRPC, or for HTTPS.</summary>
internal sealed class TlsGroup
{
    private const SslProtocols All = SslProtocols.Tls12 | SslProtocols.Tls13;

    private readonly Option<string?> _certificate;
    private readonly Option<string?> _key;
    private readonly Option<string?> _authority;
    private readonly Option<string> _verify;
    private readonly Option<bool> _require;
    private readonly Option<int> _depth;
    private readonly Option<string?> _versions;

    /// <param name="name">What the options begin with, behind the dashes.</param>
    /// <param name="where">Who is shown it.</param>
    /// <param name="otherwise">What is said of files that are not given.</param>
    public TlsGroup(Settings settings, string name, string where, string otherwise)
    {
        _certificate = settings.Of<string?>(
            $"--{name}-certificate", null, $"A file in PEM: the certificate that clients {where} are shown, and after it those between it and its CA's.{otherwise}", SettingText.AsItIs);
        _key = settings.Of<string?>($"--{name}-key", null, $"A file in PEM: the private key of --{name}-certificate.{otherwise}", SettingText.AsItIs);
        _authority = settings.Of<string?>($"--{name}-ca", null, $"A file in PEM: the certificates of the CAs that sign for clients {where}.{otherwise}", SettingText.AsItIs);
        _verify = settings.Of(
            $"--{name}-verify", SettingText.VerifyNone, $"verify_peer: clients {where} are asked for a certificate, and one that is shown has to be signed by --{name}-ca.",
            SettingText.Verify);
        _require = settings.Of($"--{name}-require-certificate", false, $"Clients {where} without a certificate are refused, with --{name}-verify verify_peer.", SettingText.Flag);
        _require.Arity = ArgumentArity.ZeroOrOne;
        _depth = settings.Of(
            $"--{name}-depth", 10, $"How many certificates there may be between that of a client {where} and its CA's, 0 to 255.", SettingText.Number(0, byte.MaxValue));
        _versions = settings.Of<string?>(
            $"--{name}-versions", null, $"The versions of TLS that are spoken {where}, with commas between them: tlsv1.2, tlsv1.3.{(otherwise.Length > 0 ? otherwise : " Both unless told.")}",
            text => SettingText.TlsVersions(text) == SslProtocols.None ? null : text);
    }

    /// <param name="password">The key's.</param>
    /// <param name="other">Whose files are used for those that are not given; null: nobody's.</param>
    public TlsOptions? Read(ParseResult result, string? password, TlsOptions? other = null)
    {
        var (certificate, key) = (result.GetValue(_certificate), result.GetValue(_key));
        if ((certificate ?? key) is null && other is null)
        {
            return null;
        }

        var isOwn = (certificate ?? key) is not null;
        return new TlsOptions
        {
            Certificate = isOwn ? certificate ?? "" : other!.Certificate,
            Key = isOwn ? key ?? "" : other!.Key,
            KeyPassword = isOwn ? password : other!.KeyPassword,
            Authority = result.GetValue(_authority) ?? other?.Authority,
            VerifiesPeers = result.GetValue(_verify) == SettingText.VerifyPeer,
            RequiresPeerCertificate = result.GetValue(_require),
            Depth = result.GetValue(_depth),
            Versions = result.GetValue(_versions) is { } versions ? SettingText.TlsVersions(versions) : other?.Versions ?? All,
        };
    }
}
