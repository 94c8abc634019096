using Granary.Core.Access;

namespace Granary.Gateway.Access;

/// <summary>
/// Users, vhosts and permissions as this process holds them: nothing, or a state with its number, for a time. All of it is under one lock, which each question takes;
/// rights that were made for a user in a vhost are remembered until anything of theirs changes.
/// </summary>
internal sealed class AccessCopy(TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, KnownUser> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Vhost> _vhosts = new(StringComparer.Ordinal);
    private readonly Dictionary<(string User, string Vhost), Permission> _permissions = [];
    private readonly Dictionary<(string User, string Vhost), Dictionary<string, TopicPermission>> _topics = [];
    private readonly Dictionary<(string User, string Vhost), Rights> _rights = [];
    private Guid _epoch;
    private long _number;
    private long _until = long.MinValue;

    /// <summary>What is held may be gone by. One read, and one of the clock.</summary>
    public bool IsHeld => clock.GetTimestamp() < Volatile.Read(ref _until);

    /// <summary>Null: nothing is held.</summary>
    public Rights? Find(string user, string vhost)
    {
        lock (_gate)
        {
            if (!IsHeld)
            {
                return null;
            }

            if (!_rights.TryGetValue((user, vhost), out var rights))
            {
                var topics = _topics.TryGetValue((user, vhost), out var found) ? found.Values : Enumerable.Empty<TopicPermission>();
                rights = new Rights(user, vhost, _users.GetValueOrDefault(user), _vhosts.GetValueOrDefault(vhost), _permissions.GetValueOrDefault((user, vhost)), topics);
                if (rights.IsAdmitted)
                {
                    // Of those who are not, clients could make up any number.
                    _rights.Add((user, vhost), rights);
                }
            }

            return rights;
        }
    }

    /// <summary>Takes a state as a whole.</summary>
    /// <param name="askedAt">When it was asked for, by the clock.</param>
    public void Install(AccessSnapshot snapshot, long askedAt)
    {
        lock (_gate)
        {
            _users.Clear();
            _vhosts.Clear();
            _permissions.Clear();
            _topics.Clear();
            _rights.Clear();
            foreach (var entry in snapshot.Entries)
            {
                Take(entry);
            }

            (_epoch, _number) = (snapshot.Epoch, snapshot.Number);
            Volatile.Write(ref _until, EndOf(askedAt));
        }
    }

    /// <summary>Takes the changes that follow what is held.</summary>
    /// <returns>The number of the last change taken so far; null: they do not follow it, and nothing is held any more.</returns>
    public long? Apply(AccessDelta delta)
    {
        lock (_gate)
        {
            if (delta.Epoch != _epoch || delta.After > _number)
            {
                Drop();
                return null;
            }

            foreach (var change in delta.Number > _number ? delta.Changes.AsSpan((int)(_number - delta.After)) : [])
            {
                Take(change);
            }

            _number = Math.Max(_number, delta.Number);
            return _number;
        }
    }

    /// <summary>It has been heard that what is held is still current.</summary>
    public void Renew(Guid epoch, long askedAt)
    {
        lock (_gate)
        {
            if (epoch == _epoch)
            {
                Volatile.Write(ref _until, Math.Max(_until, EndOf(askedAt)));
            }
        }
    }

    /// <summary>Nothing is held any more.</summary>
    public void Drop()
    {
        lock (_gate)
        {
            _epoch = default;
            Volatile.Write(ref _until, long.MinValue);
        }
    }

    private long EndOf(long askedAt) => askedAt + (long)(AccessLease.HolderLimit.TotalSeconds * clock.TimestampFrequency);

    private void Take(AccessEntry entry)
    {
        if (entry.User is { } user)
        {
            Set(_users, user.Name, user, entry.IsRemoved);
            Forget(key => key.User == user.Name);
        }
        else if (entry.Vhost is { } vhost)
        {
            Set(_vhosts, vhost.Name, vhost, entry.IsRemoved);
            Forget(key => key.Vhost == vhost.Name);
        }
        else if (entry.Permission is { } permission)
        {
            Set(_permissions, (permission.User, permission.Vhost), permission, entry.IsRemoved);
            _rights.Remove((permission.User, permission.Vhost));
        }
        else if (entry.Topic is { } topic)
        {
            var key = (topic.User, topic.Vhost);
            if (!_topics.TryGetValue(key, out var ofUser))
            {
                _topics.Add(key, ofUser = new Dictionary<string, TopicPermission>(StringComparer.Ordinal));
            }

            Set(ofUser, topic.Exchange, topic, entry.IsRemoved);
            if (ofUser.Count == 0)
            {
                _topics.Remove(key);
            }

            _rights.Remove(key);
        }
    }

    private static void Set<TKey, TValue>(Dictionary<TKey, TValue> all, TKey key, TValue value, bool isRemoved)
        where TKey : notnull
    {
        if (isRemoved)
        {
            all.Remove(key);
        }
        else
        {
            all[key] = value;
        }
    }

    private void Forget(Func<(string User, string Vhost), bool> isMeant)
    {
        foreach (var key in _rights.Keys.Where(isMeant).ToArray())
        {
            _rights.Remove(key);
        }
    }
}
