using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using Granary.Core.Certificates;

namespace Granary.Gateway.Management.Definitions;

/// <summary>How a server that has definitions is asked for them, over https alone: RabbitMQ's <c>definitions.tls</c>.</summary>
public sealed record DefinitionsServer
{
    /// <summary>More than a million queues; a server that sends for ever fills no memory.</summary>
    private const int LargestAnswer = 512 * 1024 * 1024;

    private const int MostRedirects = 5;

    /// <summary>For connecting, and for the whole answer.</summary>
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(30), Patience = TimeSpan.FromMinutes(2);

    /// <summary>A file in PEM: the CAs that sign for the server; null: those that the machine trusts.</summary>
    public string? Authority { get; init; }

    /// <summary>False: whoever answers at the address is believed.</summary>
    public bool VerifiesPeer { get; init; } = true;

    /// <summary>A file in PEM: the certificate that the server is shown; null: none.</summary>
    public string? Certificate { get; init; }

    /// <summary>A file in PEM: its private key.</summary>
    public string? Key { get; init; }

    /// <summary>What the key is protected by; null: it is not.</summary>
    public string? KeyPassword { get; init; }

    public SslProtocols Versions { get; init; } = SslProtocols.None;

    /// <summary>Whether it is an address, and no path.</summary>
    public static bool IsAddress(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Contains("://", StringComparison.Ordinal);
    }

    /// <summary>Why an address cannot be asked, for the operator; null: it can be.</summary>
    public string? Refusal(string address)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps)
        {
            return "--load-definitions: what is no file has to be an address that begins with https://: definitions have hashes of passwords.";
        }

        if (uri.UserInfo.Length > 0)
        {
            return "--load-definitions: a password in an address is seen by whoever sees the configuration: the server can ask for a certificate instead (--definitions-certificate).";
        }

        if ((Certificate is null) != (Key is null))
        {
            return "--definitions-certificate and --definitions-key need each other.";
        }

        try
        {
            using var handler = CreateHandler();
            return null;
        }
        catch (CertificateException exception)
        {
            return exception.Message;
        }
    }

    /// <exception cref="HttpRequestException">The server did not answer, or not with definitions.</exception>
    /// <exception cref="TimeoutException">Nor did it within two minutes.</exception>
    /// <exception cref="CertificateException">A file cannot be used (any more).</exception>
    internal async Task<byte[]> FetchAsync(string address, CancellationToken cancellation)
    {
        using var client = new HttpClient(CreateHandler()) { MaxResponseContentBufferSize = LargestAnswer, Timeout = Patience };
        using var request = new HttpRequestMessage(HttpMethod.Get, address) { Headers = { Accept = { new MediaTypeWithQualityHeaderValue("application/json"), new MediaTypeWithQualityHeaderValue("*/*", 0.5) } } };
        try
        {
            using var answer = await client.SendAsync(request, cancellation).ConfigureAwait(false);
            return answer.IsSuccessStatusCode
                ? await answer.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false)
                : throw new HttpRequestException($"the server answered with {(int)answer.StatusCode}");
        }
        catch (OperationCanceledException exception) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"the server did not answer within {Patience.TotalSeconds:0} s", exception);
        }
    }

    private SocketsHttpHandler CreateHandler()
    {
        // It never follows from https to http.
        var handler = new SocketsHttpHandler { MaxAutomaticRedirections = MostRedirects, UseCookies = false, ConnectTimeout = ConnectPatience };
        var tls = handler.SslOptions;
        tls.EnabledSslProtocols = Versions;
        if (Authority is { } path)
        {
            var file = new PemFile("--definitions-ca", path);
            tls.CertificateChainPolicy = new Authorities(file.Certificates(file.Read())).CreatePolicy();
        }

        if (Certificate is not null && Key is not null)
        {
            var (file, key) = (new PemFile("--definitions-certificate", Certificate), new PemFile("--definitions-key", Key));
            var text = file.Read();
            var others = file.Certificates(text);
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(file.WithKey(text, key, key.Read(), KeyPassword), others, offline: true);
        }

        if (!VerifiesPeer)
        {
            tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
        }

        return handler;
    }
}
