using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Granary.Gateway.Sockets;

namespace Granary.Gateway.Tls;

/// <summary>A connection's transport once TLS was agreed on: what the client encrypts, and what is encrypted for it.</summary>
internal sealed class TlsTransport : IDuplexPipe
{
    private readonly SslStream _tls;
    private readonly EncryptedStream _stream;
    private readonly IDuplexPipe _encrypted;

    private TlsTransport(SslStream tls, EncryptedStream stream, IDuplexPipe encrypted)
    {
        (_tls, _stream, _encrypted) = (tls, stream, encrypted);
        Input = new TlsInput(tls, encrypted.Input);
        Output = new TlsOutput(tls, stream, encrypted.Output);
        Session = new TlsSession(tls.SslProtocol, tls.NegotiatedCipherSuite, tls.RemoteCertificate as X509Certificate2);
        stream.Open();
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    public TlsSession Session { get; }

    /// <summary>Agrees with the client on TLS.</summary>
    /// <exception cref="IOException">The socket failed.</exception>
    /// <exception cref="AuthenticationException">They do not agree.</exception>
    public static async Task<TlsTransport> OpenAsync(IDuplexPipe encrypted, SslServerAuthenticationOptions options, CancellationToken cancellation)
    {
        var stream = new EncryptedStream(encrypted.Input, encrypted.Output);
        var tls = new SslStream(stream, leaveInnerStreamOpen: true);
        try
        {
            await tls.AuthenticateAsServerAsync(options, cancellation).ConfigureAwait(false);
            return new TlsTransport(tls, stream, encrypted);
        }
        catch
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Tells the client that nothing more comes, and lets go of everything. Nobody reads any more.</summary>
    public async Task CloseAsync()
    {
        Output.Complete();
        Input.Complete();
        if (_encrypted.Output is not SocketOutput { HoldsFlushes: true })
        {
            await TellAsync().ConfigureAwait(false);
        }

        await _tls.DisposeAsync().ConfigureAwait(false);
    }

    private async Task TellAsync()
    {
        try
        {
            await _tls.ShutdownAsync().ConfigureAwait(false);
            ValueTask<FlushResult> flush;
            lock (_stream.Gate)
            {
                flush = _encrypted.Output.FlushAsync();
            }

            await flush.ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException or AuthenticationException or CryptographicException)
        {
            // The socket has failed, or was cut: there is nobody to be told. Or the client has begun to agree on TLS anew, which is not
            // allowed, and in the middle of that OpenSSL cannot say goodbye.
        }
    }
}
