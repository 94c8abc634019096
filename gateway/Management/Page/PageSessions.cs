using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Granary.Core.Access;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Frame;
using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Management.Page;

/// <summary>
/// Who has logged in to the management page: a cookie says so, signed with a key that is in the store, so that it holds at every gateway. The password's hash is
/// signed, too: a session ends with the password that it began with.
/// </summary>
internal sealed class PageSessions(AccessCalls access, TimeProvider clock)
{
    private const int ExpirySize = sizeof(long);
    private const int LongestCookie = 1024;

    /// <summary>From the last time that the page asked for anything, to within <see cref="RenewedAfter"/>.</summary>
    private static readonly TimeSpan Length = TimeSpan.FromHours(8);

    private static readonly TimeSpan RenewedAfter = TimeSpan.FromMinutes(30);

    /// <summary>A store that was restored from a backup may have another key.</summary>
    private static readonly TimeSpan KeyIsKept = TimeSpan.FromMinutes(1);

    private volatile Key? _key;

    /// <summary>The request says that it is of somebody who has logged in to the page.</summary>
    public static bool Has(HttpContext context) => context.Request.Headers.Authorization.Count == 0 && context.Request.Cookies.ContainsKey(NameFor(context));

    /// <summary>A session of the page begins with the answer.</summary>
    public async ValueTask BeginAsync(HttpContext context, Account account)
    {
        var name = Encoding.UTF8.GetBytes(account.Name);
        var cookie = new byte[ExpirySize + name.Length + HMACSHA256.HashSizeInBytes];
        BinaryPrimitives.WriteInt64BigEndian(cookie, (clock.GetUtcNow() + Length).ToUnixTimeSeconds());
        name.CopyTo(cookie, ExpirySize);
        Sign(await KeyAsync().ConfigureAwait(false), cookie.AsSpan(0, ExpirySize + name.Length), account, cookie.AsSpan(ExpirySize + name.Length));
        context.Response.Cookies.Append(NameFor(context), Base64Url.EncodeToString(cookie), Options(context, Length));
    }

    public static void End(HttpContext context) => context.Response.Cookies.Append(NameFor(context), "", Options(context, TimeSpan.Zero));

    /// <summary>Whose session it is; it is renewed with the answer where that is due.</summary>
    /// <exception cref="ApiException">401: nobody's (any more); 403: another site's page has sent a wish to change something.</exception>
    /// <exception cref="TimeoutException">Nobody could be asked.</exception>
    public async ValueTask<ApiUser> IdentifyAsync(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            PageOrigin.Check(context);
        }

        if (Decode(context.Request.Cookies[NameFor(context)]) is not { } cookie)
        {
            throw Over();
        }

        var signed = cookie.AsMemory(0, cookie.Length - HMACSHA256.HashSizeInBytes);
        var left = DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64BigEndian(cookie)) - clock.GetUtcNow();
        if (left <= TimeSpan.Zero || left > Length
            || await access.FindUserAsync(Encoding.UTF8.GetString(signed.Span[ExpirySize..])).ConfigureAwait(false) is not { PasswordHash.Length: > 0 } account
            || (account.IsForLoopback && !Loopback.Includes(context.Connection.RemoteIpAddress))
            || !IsSigned(await KeyAsync().ConfigureAwait(false), cookie, account))
        {
            throw Over();
        }

        if (Length - left > RenewedAfter && !context.Response.HasStarted)
        {
            await BeginAsync(context, account).ConfigureAwait(false);
        }

        return new ApiUser(account.Name, account.Tags);
    }

    private static ApiException Over() => new(StatusCodes.Status401Unauthorized, "not_authorized", "The session is over");

    // Cookies are of a host, whatever the port; and one that came over TLS may not be replaced by one that did not.
    private static string NameFor(HttpContext context) =>
        string.Create(CultureInfo.InvariantCulture, $"granary-{(context.Request.IsHttps ? "tls-" : "")}{context.Request.Host.Port ?? 0}");

    private static CookieOptions Options(HttpContext context, TimeSpan age) =>
        new() { HttpOnly = true, SameSite = SameSiteMode.Strict, Secure = context.Request.IsHttps, Path = "/api", MaxAge = age };

    private static byte[]? Decode(string? text)
    {
        if (text is null or { Length: > LongestCookie } || !Base64Url.IsValid(text))
        {
            return null;
        }

        var cookie = Base64Url.DecodeFromChars(text);
        return cookie.Length > ExpirySize + HMACSHA256.HashSizeInBytes ? cookie : null;
    }

    private static bool IsSigned(byte[] key, byte[] cookie, Account account)
    {
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        Sign(key, cookie.AsSpan(0, cookie.Length - expected.Length), account, expected);
        return CryptographicOperations.FixedTimeEquals(expected, cookie.AsSpan(cookie.Length - expected.Length));
    }

    // Neither of the two can be longer at the other's expense: what is signed has its length in front.
    private static void Sign(byte[] key, ReadOnlySpan<byte> signed, Account account, Span<byte> signature)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(length, signed.Length);
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        hmac.AppendData(length);
        hmac.AppendData(signed);
        hmac.AppendData(Encoding.UTF8.GetBytes(account.PasswordHash));
        hmac.GetHashAndReset(signature);
    }

    private async ValueTask<byte[]> KeyAsync()
    {
        if (_key is not { } key || clock.GetElapsedTime(key.At) > KeyIsKept)
        {
            var at = clock.GetTimestamp();
            _key = key = new Key((await access.GetPageKeyAsync().ConfigureAwait(false)).Value, at);
        }

        return key.Value;
    }

    private sealed record Key(byte[] Value, long At);
}
