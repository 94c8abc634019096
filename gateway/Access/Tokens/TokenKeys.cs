using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace Granary.Gateway.Access.Tokens;

/// <summary>
/// The keys that tokens are signed by: of files, and of the issuer's server, which is asked by https alone and not followed elsewhere. Its keys are asked for again when
/// they are old, and when a token names one that is not among them: not more often than every few seconds, whatever tokens come.
/// </summary>
internal sealed partial class TokenKeys : IDisposable
{
    /// <summary>So long keys are used before they are asked for again. A key that the issuer has withdrawn is accepted no longer than that, if its server answers.</summary>
    public static readonly TimeSpan Fresh = TimeSpan.FromMinutes(10);

    /// <summary>So long they are used when the server does not answer.</summary>
    public static readonly TimeSpan Usable = TimeSpan.FromHours(24);

    /// <summary>At least so long apart the server is asked, even if tokens name keys that are not known.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private const int LargestAnswer = 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly TokenOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly HttpClient? _client;
    private readonly Dictionary<string, SecurityKey> _files;
    private readonly Lock _gate = new();
    private Dictionary<string, SecurityKey> _fetched = new(StringComparer.Ordinal);
    private Task? _fetching;
    private long? _fetchedAt;
    private long? _askedAt;

    public TokenKeys(TokenOptions options, TimeProvider clock, ILogger<TokenKeys> log)
    {
        (_options, _clock, _log) = (options, clock, log);
        _files = options.KeyFiles.ToDictionary(static file => file.Key, static file => TokenKeyFile.Read(file.Key, file.Value), StringComparer.Ordinal);
        _client = options.KeysAddress is null && _files.Count > 0 ? null : Client(options);
    }

    /// <summary>The key that a token names; null: there is none.</summary>
    /// <param name="id">Null: it names none.</param>
    public async ValueTask<SecurityKey?> FindAsync(string? id, CancellationToken cancellation)
    {
        if ((id ?? _options.DefaultKey) is not { } wanted)
        {
            return null;
        }

        if (_files.TryGetValue(wanted, out var ofFile))
        {
            return ofFile;
        }

        if (_client is null)
        {
            return null;
        }

        var known = Known(wanted, out var fetching);
        if (known is null)
        {
            await fetching.WaitAsync(cancellation).ConfigureAwait(false);
            known = Known(wanted, out _);
        }

        return known;
    }

    public void Dispose() => _client?.Dispose();

    private SecurityKey? Known(string id, out Task fetching)
    {
        lock (_gate)
        {
            var age = _fetchedAt is { } at ? _clock.GetElapsedTime(at) : TimeSpan.MaxValue;
            var key = age < Usable ? _fetched.GetValueOrDefault(id) : null;
            if ((key is null || age >= Fresh) && _fetching is null && (_askedAt is not { } asked || _clock.GetElapsedTime(asked) >= Pause))
            {
                _askedAt = _clock.GetTimestamp();
                _fetching = Task.Run(FetchAsync);
            }

            fetching = _fetching ?? Task.CompletedTask;
            return key;
        }
    }

    private async Task FetchAsync()
    {
        try
        {
            var address = _options.KeysAddress ?? await DiscoverAsync().ConfigureAwait(false);
            var keys = Read(await GetAsync(address).ConfigureAwait(false));
            lock (_gate)
            {
                (_fetched, _fetchedAt) = (keys, _clock.GetTimestamp());
            }

            LogFetched(_log, keys.Count, address);
        }
        catch (Exception exception)
        {
            // Those that are known are used on; tokens that name others are refused.
            LogNotFetched(_log, exception, _options.KeysAddress ?? _options.Issuer);
        }
        finally
        {
            lock (_gate)
            {
                _fetching = null;
            }
        }
    }

    private async Task<string> DiscoverAsync()
    {
        using var document = JsonDocument.Parse(await GetAsync($"{_options.Issuer.TrimEnd('/')}/.well-known/openid-configuration").ConfigureAwait(false));
        return document.RootElement.GetProperty("jwks_uri").GetString() ?? throw new JsonException("jwks_uri is null");
    }

    private async Task<string> GetAsync(string address)
    {
        var uri = new Uri(address);
        if (uri.Scheme != Uri.UriSchemeHttps)
        {
            throw new NotSupportedException($"{address} does not begin with https://");
        }

        using var patience = new CancellationTokenSource(Patience, _clock);
        using var response = await _client!.GetAsync(uri, patience.Token).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsStringAsync(patience.Token).ConfigureAwait(false);
    }

    // Public keys for signatures alone; what else is in a set is for others.
    private static Dictionary<string, SecurityKey> Read(string text)
    {
        var keys = new Dictionary<string, SecurityKey>(StringComparer.Ordinal);
        foreach (var key in new JsonWebKeySet(text).Keys)
        {
            if (key is { Kid.Length: > 0, Kty: JsonWebAlgorithmsKeyTypes.RSA or JsonWebAlgorithmsKeyTypes.EllipticCurve } && key.Use is null or "" or "sig")
            {
                keys[key.Kid] = key;
            }
        }

        return keys;
    }

    private static HttpClient Client(TokenOptions options)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = Patience, PooledConnectionLifetime = Fresh };
        if (options.Authority is { } file)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(file);
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }

        return new HttpClient(handler) { MaxResponseContentBufferSize = LargestAnswer, Timeout = Patience };
    }

    [LoggerMessage(1691, LogLevel.Information, "{Count} keys of tokens were read from {Address}")]
    private static partial void LogFetched(ILogger logger, int count, string address);

    [LoggerMessage(1692, LogLevel.Warning, "The keys of tokens could not be read from {Address}: those that are known are used on for a day")]
    private static partial void LogNotFetched(ILogger logger, Exception exception, string address);
}
