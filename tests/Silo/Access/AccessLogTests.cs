using System.Collections.Concurrent;
using System.Text;
using Granary.Core.Access;
using Granary.Core.Grains;
using Granary.Core.Policies;
using Granary.Silo.Storage.Memory;
using Granary.Testing.Logs;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Tests.Access;

/// <summary>What an operator reads about changes of users, vhosts, permissions, policies and parameters.</summary>
public sealed class AccessLogTests : IAsyncLifetime
{
    private const string Secret = "a secret";

    private readonly ConcurrentQueue<LogLine> _lines = new();
    private TestSilo? _silo;

    private IGrainFactory Grains => _silo!.Grains;

    public async Task InitializeAsync() => _silo = await TestSilo.StartAsync(store: new MemoryStore(), log: new LineProvider(_lines.Enqueue, LogLevel.Information));

    public async Task DisposeAsync() => await _silo!.DisposeAsync();

    [Fact]
    public async Task Users_AreToldOfWithoutTheirPasswords()
    {
        var access = Grains.Access();
        var hash = PasswordHash.Create(Encoding.UTF8.GetBytes(Secret));
        await access.PutUserAsync(new UserSettings("ann") { PasswordHash = PasswordHash.Create("before"u8), Tags = ["monitoring"] });
        await access.PutUserAsync(new UserSettings("ann") { PasswordHash = hash, Tags = [], Limits = new UserLimits(5, null) });
        await access.PutUserAsync(new UserSettings("ann") { PasswordHash = "" });
        await access.DeleteUserAsync("ann");

        Assert.Equal(
            [
                (3821, "User 'ann' was created, with the tags [monitoring]"),
                (3822, "User 'ann' was changed: it has another password, its tags are now [], it may have at most 5 connections and any number of channels"),
                (3822, "User 'ann' was changed: it has no password any more"),
                (3823, "User 'ann' was deleted, with all its permissions"),
            ],
            Told());
        Assert.DoesNotContain(_lines, line => line.Text.Contains(Secret, StringComparison.Ordinal) || line.Text.Contains(hash, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Permissions_AreToldOfWithTheirPatterns()
    {
        var access = Grains.Access();
        await access.SetPermissionAsync(new Permission("guest", "/", "^a", "^b", ""));
        await access.SetTopicPermissionAsync(new TopicPermission("guest", "/", "amq.topic", "^c", "^d"));
        await access.ClearTopicPermissionAsync("guest", "/", null);
        await access.ClearPermissionAsync("guest", "/");

        Assert.Equal(
            [
                (3824, "Permissions of user 'guest' in vhost '/' are now '^a' to configure, '^b' to write, '' to read"),
                (3826, "Topic permissions of user 'guest' in vhost '/' for exchange 'amq.topic' are now '^c' to write, '^d' to read"),
                (3827, "User 'guest' has no topic permissions in vhost '/' for any exchange any more: its other permissions hold for all routing keys"),
                (3825, "User 'guest' has no permissions in vhost '/' any more"),
            ],
            Told());
    }

    [Fact]
    public async Task Vhosts_AreToldOf()
    {
        var access = Grains.Access();
        await access.PutVhostAsync(new VhostSettings("v") { GrantTo = "guest", DefaultQueueType = "quorum" });
        await access.PutVhostAsync(new VhostSettings("v") { IsTraced = true, IsProtected = true });

        Assert.Equal(
            [
                (3828, "Vhost 'v' was created"),
                (3829, "Vhost 'v' was changed: queues that do not say their type are now quorum"),
                (3824, "Permissions of user 'guest' in vhost 'v' are now '.*' to configure, '.*' to write, '.*' to read"),
                (3829, "Vhost 'v' was changed: it is protected from deletion, its messages are traced"),
            ],
            Told());
    }

    [Fact]
    public async Task PoliciesAndParameters_AreToldOf_ParametersWithoutTheirValues()
    {
        var policies = Grains.Policies();
        var policy = new Policy("/", "p", "^q", "queues", 3, """{"max-length":2}""", IsOperator: false);
        await policies.PutAsync([policy, policy with { IsOperator = true }], [new Parameter("/", "shovel", "s", $"\"{Secret}\""), Parameter.Global("g", $"\"{Secret}\"")]);
        await policies.DeletePolicyAsync("/", "p", isOperator: true);
        await policies.DeleteParameterAsync("/", "shovel", "s");
        await policies.DeleteParameterAsync(null, "", "g");

        Assert.Equal(
            [
                (3831, """Policy 'p' of vhost '/' is now {"max-length":2} for queues whose names match '^q', with priority 3"""),
                (3831, """Operator policy 'p' of vhost '/' is now {"max-length":2} for queues whose names match '^q', with priority 3"""),
                (3833, "Parameter 'shovel/s' of vhost '/' was set"),
                (3835, "Global parameter 'g' was set"),
                (3832, "Operator policy 'p' of vhost '/' was deleted"),
                (3834, "Parameter 'shovel/s' of vhost '/' was deleted"),
                (3836, "Global parameter 'g' was deleted"),
            ],
            Told());
        Assert.DoesNotContain(_lines, static line => line.Text.Contains(Secret, StringComparison.Ordinal));
    }

    /// <summary>As when definitions are imported at each start, or a call is made again because its answer was lost.</summary>
    [Fact]
    public async Task WhatChangesNothing_OrIsRefused_IsNotToldOf()
    {
        var (access, policies) = (Grains.Access(), Grains.Policies());
        var policy = new Policy("/", "p", "^q", "queues", 3, "{}", IsOperator: false);
        for (var i = 0; i < 2; i++)
        {
            await access.PutUserAsync(new UserSettings("guest") { Tags = ["administrator"] });
            await access.SetPermissionAsync(Permission.Full("guest", "/"));
            await access.PutVhostAsync(new VhostSettings("/") { Description = "the first" });
            await policies.PutAsync([policy], [Parameter.Global("g", "1")]);
            await access.SetPermissionAsync(Permission.Full("nobody", "/"));
            await access.DeleteUserAsync("nobody");
            await policies.DeletePolicyAsync("/", "none", isOperator: false);
        }

        Assert.Equal([3829, 3831, 3835], Told().Select(static line => line.Event));
    }

    private IEnumerable<(int Event, string Text)> Told() => _lines.Where(static line => line.Event is >= 3821 and <= 3836).Select(static line => (line.Event, line.Text));
}
