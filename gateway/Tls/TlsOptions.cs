using System.Security.Authentication;
using Granary.Core.Certificates;

namespace Granary.Gateway.Tls;

/// <summary>What the gateway shows its clients, and what it asks of them; RabbitMQ's <c>ssl_options</c>.</summary>
public sealed record TlsOptions
{
    /// <summary>A file in PEM: the gateway's certificate, and after it those between it and its CA's.</summary>
    public required string Certificate { get; init; }

    /// <summary>A file in PEM: the certificate's private key.</summary>
    public required string Key { get; init; }

    /// <summary>What the key is protected by; null: it is not.</summary>
    public string? KeyPassword { get; init; }

    /// <summary>A file in PEM: the CAs that sign for clients; null: clients are not asked for certificates.</summary>
    public string? Authority { get; init; }

    /// <summary>Clients are asked for a certificate, and one that is shown has to be signed by the CA.</summary>
    public bool VerifiesPeers { get; init; }

    /// <summary>Clients without a certificate are refused.</summary>
    public bool RequiresPeerCertificate { get; init; }

    /// <summary>How many certificates there may be between a client's and its CA's, 0 to 255.</summary>
    public int Depth { get; init; } = 10;

    public SslProtocols Versions { get; init; } = SslProtocols.Tls12 | SslProtocols.Tls13;

    /// <summary>How long a client may take from connecting to the end of TLS' handshake.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Why it cannot be used, and what to do, for the operator; null: nothing is wrong.</summary>
    /// <param name="option">What the options' names begin with.</param>
    public string? Refusal(string option)
    {
        if (Certificate.Length == 0 || Key.Length == 0)
        {
            return $"{option}-certificate and {option}-key go together: one of them is missing.";
        }

        if (VerifiesPeers && Authority is null)
        {
            return $"{option}-verify verify_peer needs {option}-ca: the file with the CA that signs for clients.";
        }

        if (RequiresPeerCertificate && !VerifiesPeers)
        {
            return $"{option}-require-certificate refuses clients without a certificate, and needs {option}-verify verify_peer, which asks for one.";
        }

        try
        {
            _ = TlsIdentity.Load(this);
            return null;
        }
        catch (CertificateException exception)
        {
            return exception.Message;
        }
    }
}
