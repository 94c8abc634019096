using System.Text.Json;
using Granary.Core.Access;
using Granary.Silo.Access;
using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Tests.Access;

public sealed class AccessBookTests
{
    private static readonly string Hash = PasswordHash.Create("secret"u8);

    private readonly List<AccessEntry> _told = [];
    private readonly AccessBook _book;

    public AccessBookTests() => _book = new AccessBook(AccessState.Of(Account.Guest(), new FirstVhost()), _told.Add);

    /// <summary>Written before there were vhosts.</summary>
    [Fact]
    public void Book_OfAStoreWithUsersAlone_HasTheVhostAndAllTheirRights()
    {
        var state = JsonSerializer.Deserialize(
            """{"all":[{"name":"boss","passwordHash":"aGFzaA==","tags":["administrator"]},{"name":"guest","passwordHash":"","tags":[],"isForLoopback":true}]}""",
            DefinitionsJson.Default.AccessState)!;
        var book = new AccessBook(state, _told.Add);

        Assert.Equal(["boss", "guest"], book.Users.Select(user => user.Name));
        Assert.Equal("/", Assert.Single(book.Vhosts).Name);
        Assert.Equal([Permission.Full("boss", "/"), Permission.Full("guest", "/")], book.Permissions);
    }

    [Fact]
    public void Book_WrittenAndReadAgain_IsTheSame()
    {
        _book.Put(new UserSettings("joe") { PasswordHash = Hash, Tags = ["monitoring"], Limits = new UserLimits(3, null) });
        _book.Put(new VhostSettings("/v") { Description = "mine", Tags = ["a", "b"], DefaultQueueType = "quorum", Limits = new VhostLimits(1, 2), IsProtected = true });
        _book.Set(new Permission("joe", "/v", "^c", "", "r"));
        _book.Set(new TopicPermission("joe", "/v", "amq.topic", "w", "r"));

        var json = JsonSerializer.SerializeToUtf8Bytes(_book.ToState(), DefinitionsJson.Default.AccessState);
        var again = new AccessBook(JsonSerializer.Deserialize(json, DefinitionsJson.Default.AccessState)!, _told.Add);

        var joe = again.FindUser("joe")!;
        Assert.Equal((Hash, PasswordHashing.Sha256, new UserLimits(3, null), false), (joe.PasswordHash, joe.Hashing, joe.Limits, joe.IsForLoopback));
        Assert.Equal(["monitoring"], joe.Tags);
        var vhost = again.FindVhost("/v")!;
        Assert.Equal(("mine", "quorum", new VhostLimits(1, 2), true), (vhost.Description, vhost.DefaultQueueType, vhost.Limits, vhost.IsProtected));
        Assert.Equal(["a", "b"], vhost.Tags);
        Assert.Equal(_book.Permissions, again.Permissions);
        Assert.Equal(_book.TopicPermissions, again.TopicPermissions);
        Assert.True(again.FindUser("guest")!.IsForLoopback);
    }

    [Fact]
    public void Book_OfAStoreWhoseVhostsWereAllDeleted_HasNone()
    {
        _book.BeginDeletion("/");
        _book.EndDeletion("/");
        var json = JsonSerializer.SerializeToUtf8Bytes(_book.ToState(), DefinitionsJson.Default.AccessState);

        Assert.Empty(new AccessBook(JsonSerializer.Deserialize(json, DefinitionsJson.Default.AccessState)!, _told.Add).Vhosts);
    }

    [Fact]
    public void PutUser_Twice_ChangesWhatIsGivenAlone()
    {
        Assert.Equal(AccessOutcome.Created, _book.Put(new UserSettings("joe") { PasswordHash = Hash, Tags = ["management"] }).Outcome);
        Assert.Equal(AccessOutcome.Changed, _book.Put(new UserSettings("joe") { Limits = new UserLimits(null, 5) }).Outcome);
        Assert.Equal(AccessOutcome.Changed, _book.Put(new UserSettings("joe") { Tags = [] }).Outcome);

        var joe = _book.FindUser("joe")!;
        Assert.Equal((Hash, 5), (joe.PasswordHash, joe.Limits.MaxChannels));
        Assert.Empty(joe.Tags);
        Assert.All(_told, entry => Assert.Equal("joe", entry.User!.Name));
        Assert.Equal(3, _told.Count);
    }

    [Theory]
    [InlineData("guest", PutCondition.IfNew, AccessOutcome.Exists)]
    [InlineData("joe", PutCondition.IfThere, AccessOutcome.NoSuchUser)]
    [InlineData("guest", PutCondition.IfThere, AccessOutcome.Changed)]
    [InlineData("joe", PutCondition.IfNew, AccessOutcome.Created)]
    [InlineData("", PutCondition.Always, AccessOutcome.Invalid)]
    public void PutUser_OnACondition_IsDoneIfItHolds(string name, PutCondition when, AccessOutcome outcome) =>
        Assert.Equal(outcome, _book.Put(new UserSettings(name) { When = when }).Outcome);

    [Fact]
    public void PutUser_WhatCannotBe_IsRefusedWithTheReasonAndNotTold()
    {
        Assert.Equal("the password hash is none of that algorithm", _book.Put(new UserSettings("joe") { PasswordHash = "c2VjcmV0" }).Reason);
        Assert.Equal("the password hash is none of that algorithm", _book.Put(new UserSettings("joe") { PasswordHash = Hash, Hashing = PasswordHashing.Sha512 }).Reason);
        Assert.Equal("there are more than 64 tags", _book.Put(new UserSettings("joe") { Tags = [.. Enumerable.Range(0, 65).Select(i => $"t{i}")] }).Reason);
        Assert.Equal("the user's name is longer than 255 bytes", _book.Put(new UserSettings(new string('ä', 128))).Reason);
        Assert.Null(_book.FindUser("joe"));
        Assert.Empty(_told);
    }

    /// <summary>As with RabbitMQ's loopback_users, which it is in by default.</summary>
    [Fact]
    public void PutUser_GuestThatWasDeleted_IsForLoopbackAgain()
    {
        _book.DeleteUser("guest");
        _book.Put(new UserSettings("guest"));

        Assert.True(_book.FindUser("guest")!.IsForLoopback);
    }

    [Fact]
    public void DeleteUser_TakesThePermissionsWithIt()
    {
        _book.Put(new UserSettings("joe"));
        _book.Set(Permission.Full("joe", "/"));
        _book.Set(new TopicPermission("joe", "/", "amq.topic", "", ""));
        _told.Clear();

        Assert.Equal(AccessOutcome.Changed, _book.DeleteUser("joe").Outcome);
        Assert.Equal(AccessOutcome.Missing, _book.DeleteUser("joe").Outcome);

        Assert.Equal("guest", Assert.Single(_book.Permissions).User);
        Assert.Empty(_book.TopicPermissions);
        Assert.Equal(3, _told.Count);
        Assert.All(_told, entry => Assert.True(entry.IsRemoved));
    }

    [Fact]
    public void PutVhost_ThatIsNew_GrantsAllToWhoMadeIt()
    {
        Assert.Equal(AccessOutcome.Created, _book.Put(new VhostSettings("/v") { GrantTo = "guest" }).Outcome);
        Assert.Contains(Permission.Full("guest", "/v"), _book.Permissions);

        _book.ClearPermission("guest", "/v");
        Assert.Equal(AccessOutcome.Changed, _book.Put(new VhostSettings("/v") { GrantTo = "guest" }).Outcome);
        Assert.DoesNotContain(Permission.Full("guest", "/v"), _book.Permissions);
    }

    [Fact]
    public void PutVhost_DefaultQueueType_IsOneThatThereIs()
    {
        Assert.Equal(AccessAnswer.Invalid("unsupported queue type 'fast'"), _book.Put(new VhostSettings("/v") { DefaultQueueType = "fast" }));
        Assert.Equal(AccessOutcome.Created, _book.Put(new VhostSettings("/v") { DefaultQueueType = "quorum" }).Outcome);
        Assert.Equal(AccessOutcome.Changed, _book.Put(new VhostSettings("/v") { DefaultQueueType = "" }).Outcome);
        Assert.Null(_book.FindVhost("/v")!.DefaultQueueType);
    }

    [Fact]
    public void DeleteVhost_FromItsBeginningOn_HasNoPermissionsAndTakesNone()
    {
        _book.Put(new VhostSettings("/v") { GrantTo = "guest" });

        Assert.Equal(AccessOutcome.Changed, _book.BeginDeletion("/v").Outcome);
        Assert.Equal(AccessOutcome.Missing, _book.BeginDeletion("/v").Outcome);
        Assert.Equal("/", Assert.Single(_book.Permissions).Vhost);
        Assert.Equal(AccessOutcome.NoSuchVhost, _book.Set(Permission.Full("guest", "/v")).Outcome);
        Assert.True(_book.FindVhost("/v")!.IsBeingDeleted);

        _book.EndDeletion("/v");
        Assert.Null(_book.FindVhost("/v"));
        Assert.True(_told[^1].IsRemoved);
    }

    [Fact]
    public void DeleteVhost_ThatIsProtected_IsRefused()
    {
        _book.Put(new VhostSettings("/v") { IsProtected = true });

        Assert.Equal(AccessOutcome.Protected, _book.BeginDeletion("/v").Outcome);
        _book.Put(new VhostSettings("/v") { IsProtected = false });
        Assert.Equal(AccessOutcome.Changed, _book.BeginDeletion("/v").Outcome);
    }

    [Fact]
    public void SetPermission_OfWhatThereIsNot_IsRefused()
    {
        Assert.Equal(AccessOutcome.NoSuchUser, _book.Set(Permission.Full("joe", "/")).Outcome);
        Assert.Equal(AccessOutcome.NoSuchVhost, _book.Set(Permission.Full("guest", "/v")).Outcome);
        Assert.Equal(AccessOutcome.NoSuchUser, _book.Set(new TopicPermission("joe", "/", "amq.topic", "", "")).Outcome);
        var answer = _book.Set(Permission.Full("guest", "/") with { Read = "(" });
        Assert.Equal(AccessOutcome.Invalid, answer.Outcome);
        Assert.StartsWith("'(' is no regular expression: ", answer.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void ClearTopicPermission_WithoutAnExchange_IsOfAll()
    {
        _book.Set(new TopicPermission("guest", "/", "a", "", ""));
        _book.Set(new TopicPermission("guest", "/", "b", "", ""));
        _book.Set(new TopicPermission("guest", "/", "c", "", ""));

        Assert.Equal(AccessOutcome.Changed, _book.ClearTopicPermission("guest", "/", "a").Outcome);
        Assert.Equal(AccessOutcome.Missing, _book.ClearTopicPermission("guest", "/", "a").Outcome);
        Assert.Equal(2, _book.TopicPermissions.Count);
        Assert.Equal(AccessOutcome.Changed, _book.ClearTopicPermission("guest", "/", null).Outcome);
        Assert.Empty(_book.TopicPermissions);
    }
}
