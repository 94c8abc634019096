using Granary.Amqp;
using Granary.Core.Routing;

namespace Granary.Core.Access;

/// <summary>
/// What one user may do in one vhost, as it is between two changes. Refusals have RabbitMQ's texts (rabbit_access_control). What was allowed once is remembered, a
/// refusal never.
/// </summary>
public sealed class Rights
{
    private const string ImpersonatorTag = "impersonator";

    /// <summary>As RabbitMQ calls the exchange without a name where permissions are concerned.</summary>
    private const string DefaultExchange = "amq.default";

    // Exchanges that the user was found to be allowed to publish to. Beyond that the pattern is asked each time.
    private const int MostRemembered = 64;

    private readonly IGrants? _grants;
    private readonly Lock _gate = new();
    private volatile HashSet<byte[]> _writable = new(ByteKeyComparer.Instance);

    /// <param name="user">Null: there is no such user (any more).</param>
    /// <param name="vhost">Null: there is no such vhost (any more).</param>
    /// <param name="permission">Null: the user may do nothing here.</param>
    public Rights(string userName, string vhostName, KnownUser? user, Vhost? vhost, Permission? permission, IEnumerable<TopicPermission> topics)
        : this(userName, vhostName, user, vhost, permission is null ? null : new PermissionGrants(permission, topics))
    {
    }

    /// <param name="grants">Null: the user may do nothing here.</param>
    /// <inheritdoc cref="Rights(string, string, KnownUser, Vhost, Permission, IEnumerable{TopicPermission})"/>
    public Rights(string userName, string vhostName, KnownUser? user, Vhost? vhost, IGrants? grants)
    {
        (UserName, VhostName, User, Vhost) = (userName, vhostName, user, vhost);
        IsAdmitted = user is not null && VhostIsThere && grants is not null;
        _grants = IsAdmitted ? grants : null;
        IsImpersonator = user?.Has(ImpersonatorTag) == true;
    }

    public string UserName { get; }

    public string VhostName { get; }

    /// <summary>Null: there is no such user (any more).</summary>
    public KnownUser? User { get; }

    /// <summary>Null: there is no such vhost (any more).</summary>
    public Vhost? Vhost { get; }

    public bool VhostIsThere => Vhost is { IsBeingDeleted: false };

    /// <summary>The user may enter the vhost.</summary>
    public bool IsAdmitted { get; }

    /// <summary>Why what the user logged in with is not valid any more; null: it is.</summary>
    public string? Ended { get; init; }

    /// <summary>May publish in the name of others: whatever the property user-id says.</summary>
    public bool IsImpersonator { get; }

    /// <summary>Everything, for a user and a vhost that exist.</summary>
    public static Rights Full(string user, string vhost) =>
        new(user, vhost, new KnownUser(user, [], default), new Vhost(vhost), Permission.Full(user, vhost), []);

    public BrokerError? CheckQueue(Right right, string name) => Allows(right, name) ? null : Refused(right, "queue", name);

    /// <param name="name">Empty: the default exchange.</param>
    public BrokerError? CheckExchange(Right right, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        name = name.Length == 0 ? DefaultExchange : name;
        return Allows(right, name) ? null : Refused(right, "exchange", name);
    }

    /// <summary>For a passive declaration any of the three rights will do.</summary>
    public BrokerError? CheckAnyOfQueue(string name) =>
        Allows(Right.Read, name) || Allows(Right.Write, name) ? null : CheckQueue(Right.Configure, name);

    /// <inheritdoc cref="CheckAnyOfQueue"/>
    public BrokerError? CheckAnyOfExchange(string name) =>
        Allows(Right.Read, name) || Allows(Right.Write, name) ? null : CheckExchange(Right.Configure, name);

    /// <summary>For a publish: allocates nothing where it is allowed, again.</summary>
    /// <param name="exchange">As on the wire; empty: the default exchange.</param>
    public BrokerError? CheckPublish(ReadOnlySpan<byte> exchange)
    {
        if (_grants?.AllowsAll(Right.Write) == true || _writable.GetAlternateLookup<ReadOnlySpan<byte>>().Contains(exchange))
        {
            return null;
        }

        var refused = CheckExchange(Right.Write, System.Text.Encoding.UTF8.GetString(exchange));
        if (refused is null)
        {
            Remember(exchange);
        }

        return refused;
    }

    /// <summary>Whether routing keys matter for a topic exchange of that name.</summary>
    public bool LimitsTopics(string exchange) => _grants?.LimitsTopics(exchange) == true;

    /// <summary>Whether routing keys matter for any exchange.</summary>
    public bool LimitsAnyTopics => _grants?.LimitsAnyTopics == true;

    /// <summary>For exchanges of the type topic alone.</summary>
    public BrokerError? CheckTopic(Right right, string exchange, string key) =>
        !LimitsTopics(exchange) || _grants!.AllowsTopic(right, exchange, key)
            ? null
            : new BrokerError(ReplyCode.AccessRefused, $"{NameOf(right)} access to topic '{key}' in exchange '{exchange}' in vhost '{VhostName}' refused for user '{UserName}'");

    /// <summary>Why the user may not enter; null: he may. Limits are another matter.</summary>
    public BrokerError? CheckEntry() => IsAdmitted ? null
        : !VhostIsThere ? new BrokerError(ReplyCode.NotAllowed, $"vhost {VhostName} not found")
        : new BrokerError(ReplyCode.NotAllowed, $"access to vhost '{VhostName}' refused for user '{UserName}'");

    /// <summary>Why connections of the user in the vhost are closed; null: they are not.</summary>
    public string? WhyClosed => User is null ? $"user '{UserName}' is deleted"
        : !VhostIsThere ? $"vhost '{VhostName}' is deleted"
        : Ended;

    private bool Allows(Right right, string name) => _grants?.Allows(right, name) == true;

    private BrokerError Refused(Right right, string kind, string name) => new(
        ReplyCode.AccessRefused, $"{NameOf(right)} access to {kind} '{name}' in vhost '{VhostName}' refused for user '{UserName}'");

    private static string NameOf(Right right) => right switch
    {
        Right.Configure => "configure",
        Right.Write => "write",
        _ => "read",
    };

    // Copied when it changes, since it is read by all the user's connections at once, and seldom changes.
    private void Remember(ReadOnlySpan<byte> exchange)
    {
        lock (_gate)
        {
            if (_writable.Count < MostRemembered)
            {
                _writable = new HashSet<byte[]>(_writable, ByteKeyComparer.Instance) { exchange.ToArray() };
            }
        }
    }
}
