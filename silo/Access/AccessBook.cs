using System.Security.Cryptography;
using System.Text;
using Granary.Core.Access;
using Granary.Silo.Queues.Definition;

namespace Granary.Silo.Access;

/// <summary>
/// Users, vhosts and permissions, and what may be done with them. Synchronous; each change is told as it is made. Permissions are of users and vhosts that are there,
/// and go with them.
/// </summary>
internal sealed class AccessBook
{
    /// <summary>Names are short strings where clients give them.</summary>
    private const int LongestName = 255;

    /// <summary>As in RabbitMQ (rabbit_auth_backend_internal).</summary>
    private const int MostTags = 64;

    private const int LongestText = 4096;

    private const int PageKeySize = 32;

    private readonly Action<AccessEntry> _changed;
    private readonly Dictionary<string, Account> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Vhost> _vhosts = new(StringComparer.Ordinal);
    private readonly Dictionary<(string User, string Vhost), Permission> _permissions = [];
    private readonly Dictionary<(string User, string Vhost, string Exchange), TopicPermission> _topics = [];
    private byte[]? _pageKey;

    public AccessBook(AccessState state, Action<AccessEntry> changed)
    {
        _changed = changed;
        state = state.Upgraded();
        foreach (var user in state.All)
        {
            _users[user.Name] = user;
        }

        foreach (var vhost in state.Vhosts!)
        {
            _vhosts[vhost.Name] = vhost;
        }

        foreach (var permission in state.Permissions)
        {
            _permissions[(permission.User, permission.Vhost)] = permission;
        }

        foreach (var topic in state.TopicPermissions)
        {
            _topics[(topic.User, topic.Vhost, topic.Exchange)] = topic;
        }

        _pageKey = state.PageKey;
    }

    public IReadOnlyCollection<Account> Users => _users.Values;

    /// <summary>Those that are being deleted, too.</summary>
    public IReadOnlyCollection<Vhost> Vhosts => _vhosts.Values;

    public IReadOnlyCollection<Permission> Permissions => _permissions.Values;

    public IReadOnlyCollection<TopicPermission> TopicPermissions => _topics.Values;

    public Account? FindUser(string name) => _users.GetValueOrDefault(name);

    public Vhost? FindVhost(string name) => _vhosts.GetValueOrDefault(name);

    public Permission? FindPermission(string user, string vhost) => _permissions.GetValueOrDefault((user, vhost));

    public TopicPermission? FindTopicPermission(string user, string vhost, string exchange) => _topics.GetValueOrDefault((user, vhost, exchange));

    public AccessState ToState() => new()
    {
        All = [.. Users],
        Vhosts = [.. Vhosts],
        Permissions = [.. Permissions],
        TopicPermissions = [.. TopicPermissions],
        PageKey = _pageKey,
    };

    /// <summary>What the sessions of the management page are signed with.</summary>
    /// <param name="isNew">It was made just now.</param>
    public byte[] GetPageKey(out bool isNew)
    {
        isNew = _pageKey is null;
        return _pageKey ??= RandomNumberGenerator.GetBytes(PageKeySize);
    }

    /// <summary>All of it, as changes of nothing.</summary>
    public AccessEntry[] ToEntries() =>
    [
        .. Users.Select(EntryOf), .. Vhosts.Select(EntryOf), .. Permissions.Select(static permission => new AccessEntry { Permission = permission }),
        .. TopicPermissions.Select(static topic => new AccessEntry { Topic = topic }),
    ];

    public AccessAnswer Put(UserSettings settings)
    {
        var name = settings.Name;
        var before = FindUser(name);
        if ((RefuseName("user", name) ?? RefuseTags(settings.Tags) ?? RefuseHash(settings) ?? RefuseCondition(before is not null, settings.When, AccessOutcome.NoSuchUser)) is { } refused)
        {
            return refused;
        }

        var now = before ?? new Account(name, "", [], IsForLoopback: name == Account.GuestName);
        now = now with { Tags = settings.Tags ?? now.Tags, Limits = settings.Limits ?? now.Limits };
        if (settings.PasswordHash is { } hash)
        {
            now = now with { PasswordHash = hash, Hashing = settings.Hashing };
        }

        _users[name] = now;
        _changed(EntryOf(now));
        return new AccessAnswer(before is null ? AccessOutcome.Created : AccessOutcome.Changed);
    }

    public AccessAnswer DeleteUser(string name)
    {
        if (!_users.Remove(name, out var user))
        {
            return new AccessAnswer(AccessOutcome.Missing);
        }

        RemovePermissions((of, _) => of == name);
        _changed(EntryOf(user) with { IsRemoved = true });
        return new AccessAnswer(AccessOutcome.Changed);
    }

    public AccessAnswer Put(VhostSettings settings)
    {
        var name = settings.Name;
        var before = FindVhost(name);
        if ((RefuseName("vhost", name) ?? RefuseTags(settings.Tags) ?? RefuseVhost(settings) ?? RefuseCondition(before is not null, settings.When, AccessOutcome.NoSuchVhost)) is { } refused)
        {
            return refused;
        }

        var now = before ?? new Vhost(name);
        now = now with
        {
            Description = settings.Description ?? now.Description,
            Tags = settings.Tags ?? now.Tags,
            DefaultQueueType = settings.DefaultQueueType is { } type ? (type.Length > 0 ? type : null) : now.DefaultQueueType,
            Limits = settings.Limits ?? now.Limits,
            IsProtected = settings.IsProtected ?? now.IsProtected,
            IsTraced = settings.IsTraced ?? now.IsTraced,
        };
        _vhosts[name] = now;
        _changed(EntryOf(now));
        if (before is null && settings.GrantTo is { } user && _users.ContainsKey(user))
        {
            Set(Permission.Full(user, name));
        }

        return new AccessAnswer(before is null ? AccessOutcome.Created : AccessOutcome.Changed);
    }

    /// <summary>From now on nobody enters it: what is in it is removed, and then <see cref="EndDeletion"/>.</summary>
    public AccessAnswer BeginDeletion(string name)
    {
        if (!_vhosts.TryGetValue(name, out var vhost) || vhost.IsBeingDeleted)
        {
            return new AccessAnswer(AccessOutcome.Missing);
        }

        if (vhost.IsProtected)
        {
            return new AccessAnswer(AccessOutcome.Protected, $"vhost '{name}' is protected from deletion");
        }

        RemovePermissions((_, of) => of == name);
        _vhosts[name] = vhost = vhost with { IsBeingDeleted = true };
        _changed(EntryOf(vhost));
        return new AccessAnswer(AccessOutcome.Changed);
    }

    /// <summary>Nothing is left of a vhost that was deleted.</summary>
    public void EndDeletion(string name)
    {
        if (_vhosts.TryGetValue(name, out var vhost) && vhost.IsBeingDeleted)
        {
            _vhosts.Remove(name);
            _changed(EntryOf(vhost) with { IsRemoved = true });
        }
    }

    public AccessAnswer Set(Permission permission)
    {
        if ((RefusePattern(permission.Configure) ?? RefusePattern(permission.Write) ?? RefusePattern(permission.Read) ?? RefuseMissing(permission.User, permission.Vhost)) is { } refused)
        {
            return refused;
        }

        var key = (permission.User, permission.Vhost);
        var isNew = !_permissions.ContainsKey(key);
        _permissions[key] = permission;
        _changed(new AccessEntry { Permission = permission });
        return new AccessAnswer(isNew ? AccessOutcome.Created : AccessOutcome.Changed);
    }

    public AccessAnswer ClearPermission(string user, string vhost)
    {
        if (!_permissions.Remove((user, vhost), out var permission))
        {
            return new AccessAnswer(AccessOutcome.Missing);
        }

        _changed(new AccessEntry { Permission = permission, IsRemoved = true });
        return new AccessAnswer(AccessOutcome.Changed);
    }

    public AccessAnswer Set(TopicPermission permission)
    {
        if ((RefusePattern(permission.Write) ?? RefusePattern(permission.Read) ?? RefuseMissing(permission.User, permission.Vhost)) is { } refused)
        {
            return refused;
        }

        if (Encoding.UTF8.GetByteCount(permission.Exchange) > LongestName)
        {
            return AccessAnswer.Invalid($"the exchange's name is longer than {LongestName} bytes");
        }

        var key = (permission.User, permission.Vhost, permission.Exchange);
        var isNew = !_topics.ContainsKey(key);
        _topics[key] = permission;
        _changed(new AccessEntry { Topic = permission });
        return new AccessAnswer(isNew ? AccessOutcome.Created : AccessOutcome.Changed);
    }

    /// <param name="exchange">Null: those of all exchanges.</param>
    public AccessAnswer ClearTopicPermission(string user, string vhost, string? exchange)
    {
        var meant = _topics.Keys.Where(key => key.User == user && key.Vhost == vhost && (exchange is null || key.Exchange == exchange)).ToArray();
        foreach (var key in meant)
        {
            RemoveTopic(key);
        }

        return new AccessAnswer(meant.Length > 0 ? AccessOutcome.Changed : AccessOutcome.Missing);
    }

    private static AccessEntry EntryOf(Account user) => new() { User = user.ToKnown() };

    private static AccessEntry EntryOf(Vhost vhost) => new() { Vhost = vhost };

    private void RemovePermissions(Func<string, string, bool> isMeant)
    {
        foreach (var key in _permissions.Keys.Where(key => isMeant(key.User, key.Vhost)).ToArray())
        {
            ClearPermission(key.User, key.Vhost);
        }

        foreach (var key in _topics.Keys.Where(key => isMeant(key.User, key.Vhost)).ToArray())
        {
            RemoveTopic(key);
        }
    }

    private void RemoveTopic((string User, string Vhost, string Exchange) key)
    {
        _topics.Remove(key, out var topic);
        _changed(new AccessEntry { Topic = topic, IsRemoved = true });
    }

    private AccessAnswer? RefuseMissing(string user, string vhost) =>
        !_users.ContainsKey(user) ? new AccessAnswer(AccessOutcome.NoSuchUser, $"no such user: '{user}'")
        : !_vhosts.TryGetValue(vhost, out var found) || found.IsBeingDeleted ? new AccessAnswer(AccessOutcome.NoSuchVhost, $"no such vhost: '{vhost}'")
        : null;

    private static AccessAnswer? RefuseCondition(bool isThere, PutCondition when, AccessOutcome missing) => (isThere, when) switch
    {
        (true, PutCondition.IfNew) => new AccessAnswer(AccessOutcome.Exists),
        (false, PutCondition.IfThere) => new AccessAnswer(missing),
        _ => null,
    };

    private static AccessAnswer? RefuseName(string what, string name) =>
        name.Length == 0 ? AccessAnswer.Invalid($"the {what}'s name is empty")
        : Encoding.UTF8.GetByteCount(name) > LongestName ? AccessAnswer.Invalid($"the {what}'s name is longer than {LongestName} bytes")
        : null;

    private static AccessAnswer? RefuseTags(string[]? tags) =>
        tags is { Length: > MostTags } ? AccessAnswer.Invalid($"there are more than {MostTags} tags")
        : tags?.Any(tag => tag.Length is 0 or > LongestName) == true ? AccessAnswer.Invalid($"a tag has 1 to {LongestName} characters")
        : null;

    private static AccessAnswer? RefuseHash(UserSettings settings) =>
        !Enum.IsDefined(settings.Hashing) ? AccessAnswer.Invalid("the hashing algorithm is not known")
        : settings.PasswordHash is { Length: > 0 } hash && !PasswordHash.IsHash(hash, settings.Hashing) ? AccessAnswer.Invalid("the password hash is none of that algorithm")
        : null;

    private static AccessAnswer? RefuseVhost(VhostSettings settings) =>
        settings.Description is { Length: > LongestText } ? AccessAnswer.Invalid($"the description is longer than {LongestText} characters")
        : settings.DefaultQueueType is { Length: > 0 } type && QueueArguments.TypeNamed(type) == QueueTypes.None ? AccessAnswer.Invalid($"unsupported queue type '{type}'")
        : null;

    private static AccessAnswer? RefusePattern(string pattern) =>
        NamePattern.Refusal(pattern) is { } reason ? AccessAnswer.Invalid($"'{pattern}' is no regular expression: {reason}") : null;
}
