using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Granary.Core.Certificates;

namespace Granary.Gateway.Tls;

/// <summary>The terms on which one client is let in: the certificate that is shown now, and what is asked of the client's.</summary>
internal sealed class TlsHandshake
{
    private readonly TlsOptions _options;

    public TlsHandshake(RenewedTls tls)
    {
        var current = tls.Current;
        _options = tls.Options;
        Options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = current.Certificate,
            EnabledSslProtocols = _options.Versions,
            AllowRenegotiation = false,
        };
        if (current.Authorities is { } authorities)
        {
            Options.ClientCertificateRequired = true;
            Options.CertificateChainPolicy = authorities.CreatePolicy();
            Options.RemoteCertificateValidationCallback = Accepts;

            // Whoever comes again is checked again.
            Options.AllowTlsResume = false;
        }
    }

    public SslServerAuthenticationOptions Options { get; }

    /// <summary>Why the client's certificate was refused; null: it was not.</summary>
    public string? Refusal { get; private set; }

    private bool Accepts(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        Refusal = certificate is null
            ? _options.RequiresPeerCertificate ? "it showed no certificate" : null
            : Fault(chain, errors) is { } fault ? $"its certificate ({certificate.Subject}) {fault}" : null;
        return Refusal is null;
    }

    private string? Fault(X509Chain? chain, SslPolicyErrors errors)
    {
        // Its own certificate and the CA's do not count.
        var between = (chain?.ChainElements.Count ?? 0) - 2;
        return errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors)
            ? Authorities.Describe(chain?.ChainStatus ?? [], $"a CA of {_options.Authority}", "clients (extendedKeyUsage)")
            : errors != SslPolicyErrors.None ? $"was refused: {errors}"
            : between > _options.Depth ? $"has {between} others between itself and its CA's, and {_options.Depth} may be (--tls-depth)"
            : null;
    }
}
