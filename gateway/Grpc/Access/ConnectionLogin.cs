using Granary.Gateway.Access;
using Granary.Gateway.Access.Tokens;

namespace Granary.Gateway.Grpc.Access;

/// <summary>
/// Who has logged in on an HTTP/2 connection, as one of its features. A login holds for its connection, as over AMQP: calls after it that say the same are the same user's.
/// </summary>
internal sealed class ConnectionLogin
{
    private readonly Lock _gate = new();
    private readonly List<TokenAccess> _tokens = [];
    private volatile Remembered? _login;

    /// <summary>How; empty: nobody has.</summary>
    public string Mechanism => _login?.Mechanism ?? "";

    /// <summary>Tokens that somebody logged in with here, and that have not expired.</summary>
    public IReadOnlyList<TokenAccess> Tokens
    {
        get
        {
            lock (_gate)
            {
                return [.. _tokens];
            }
        }
    }

    /// <summary>The user who logged in with just these credentials; null if it was somebody else, or nobody.</summary>
    public Login? Of(string credentials) => _login is { } login && string.Equals(login.Credentials, credentials, StringComparison.Ordinal) ? login.Login : null;

    public void Remember(string credentials, Login login, string mechanism)
    {
        _login = new Remembered(credentials, login, mechanism);
        if (login.Token is { } token)
        {
            lock (_gate)
            {
                _tokens.RemoveAll(static one => one.IsExpired);
                _tokens.Add(token);
            }
        }
    }

    private sealed record Remembered(string Credentials, Login Login, string Mechanism);
}
