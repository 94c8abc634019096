using Granary.Core.Access;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Access;

/// <summary>Tells the operator what was changed of users, vhosts and permissions, whoever asked for it, when it is stored. Passwords and their hashes are not told.</summary>
internal sealed partial class AccessLog(ILogger log)
{
    public void Put(Account? before, Account now)
    {
        if (before is null)
        {
            LogUserCreated(log, now.Name, Join(now.Tags));
            return;
        }

        List<string> changes = [];
        if (now.PasswordHash != before.PasswordHash || now.Hashing != before.Hashing)
        {
            changes.Add(now.PasswordHash.Length > 0 ? "it has another password" : "it has no password any more");
        }

        if (!now.Tags.SequenceEqual(before.Tags, StringComparer.Ordinal))
        {
            changes.Add($"its tags are now {Join(now.Tags)}");
        }

        if (now.Limits != before.Limits)
        {
            changes.Add($"it may have {OrAny(now.Limits.MaxConnections)} connections and {OrAny(now.Limits.MaxChannels)} channels");
        }

        if (changes.Count > 0)
        {
            LogUserChanged(log, now.Name, string.Join(", ", changes));
        }
    }

    public void DeletedUser(string name) => LogUserDeleted(log, name);

    public void Put(Vhost? before, Vhost now)
    {
        List<string> changes = [];
        if (before is null)
        {
            LogVhostCreated(log, now.Name);
            before = new Vhost(now.Name);
        }

        if (now.Description != before.Description)
        {
            changes.Add($"its description is now '{now.Description}'");
        }

        if (!now.Tags.SequenceEqual(before.Tags, StringComparer.Ordinal))
        {
            changes.Add($"its tags are now {Join(now.Tags)}");
        }

        if (now.DefaultQueueType != before.DefaultQueueType)
        {
            changes.Add($"queues that do not say their type are now {now.DefaultQueueType ?? "classic"}");
        }

        if (now.Limits != before.Limits)
        {
            changes.Add($"it may have {OrAny(now.Limits.MaxConnections)} connections and {OrAny(now.Limits.MaxQueues)} queues");
        }

        if (now.IsProtected != before.IsProtected)
        {
            changes.Add(now.IsProtected ? "it is protected from deletion" : "it is not protected from deletion any more");
        }

        if (now.IsTraced != before.IsTraced)
        {
            changes.Add(now.IsTraced ? "its messages are traced" : "its messages are not traced any more");
        }

        if (changes.Count > 0)
        {
            LogVhostChanged(log, now.Name, string.Join(", ", changes));
        }
    }

    public void Set(Permission? before, Permission now)
    {
        if (now != before)
        {
            LogPermissionsSet(log, now.User, now.Vhost, now.Configure, now.Write, now.Read);
        }
    }

    public void ClearedPermission(string user, string vhost) => LogPermissionsCleared(log, user, vhost);

    public void Set(TopicPermission? before, TopicPermission now)
    {
        if (now != before)
        {
            LogTopicPermissionsSet(log, now.User, now.Vhost, now.Exchange, now.Write, now.Read);
        }
    }

    /// <param name="exchange">Null: those of all exchanges.</param>
    public void ClearedTopicPermission(string user, string vhost, string? exchange) => LogTopicPermissionsCleared(log, user, vhost, exchange is null ? "any exchange" : $"exchange '{exchange}'");

    private static string Join(string[] tags) => $"[{string.Join(", ", tags)}]";

    private static string OrAny(long? limit) => limit is >= 0 ? $"at most {limit}" : "any number of";

    [LoggerMessage(3821, LogLevel.Information, "User '{User}' was created, with the tags {Tags}")]
    private static partial void LogUserCreated(ILogger logger, string user, string tags);

    [LoggerMessage(3822, LogLevel.Information, "User '{User}' was changed: {Changes}")]
    private static partial void LogUserChanged(ILogger logger, string user, string changes);

    [LoggerMessage(3823, LogLevel.Information, "User '{User}' was deleted, with all its permissions")]
    private static partial void LogUserDeleted(ILogger logger, string user);

    [LoggerMessage(3824, LogLevel.Information, "Permissions of user '{User}' in vhost '{Vhost}' are now '{Configure}' to configure, '{Write}' to write, '{Read}' to read")]
    private static partial void LogPermissionsSet(ILogger logger, string user, string vhost, string configure, string write, string read);

    [LoggerMessage(3825, LogLevel.Information, "User '{User}' has no permissions in vhost '{Vhost}' any more")]
    private static partial void LogPermissionsCleared(ILogger logger, string user, string vhost);

    [LoggerMessage(3826, LogLevel.Information, "Topic permissions of user '{User}' in vhost '{Vhost}' for exchange '{Exchange}' are now '{Write}' to write, '{Read}' to read")]
    private static partial void LogTopicPermissionsSet(ILogger logger, string user, string vhost, string exchange, string write, string read);

    [LoggerMessage(3827, LogLevel.Information, "User '{User}' has no topic permissions in vhost '{Vhost}' for {Exchange} any more: its other permissions hold for all routing keys")]
    private static partial void LogTopicPermissionsCleared(ILogger logger, string user, string vhost, string exchange);

    [LoggerMessage(3828, LogLevel.Information, "Vhost '{Vhost}' was created")]
    private static partial void LogVhostCreated(ILogger logger, string vhost);

    [LoggerMessage(3829, LogLevel.Information, "Vhost '{Vhost}' was changed: {Changes}")]
    private static partial void LogVhostChanged(ILogger logger, string vhost, string changes);
}
