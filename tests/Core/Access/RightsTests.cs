using System.Text;
using Granary.Amqp;
using Granary.Core.Access;

namespace Granary.Core.Tests.Access;

/// <summary>What permissions allow, and the texts of refusals (rabbit_access_control).</summary>
public sealed class RightsTests
{
    private static readonly KnownUser Joe = new("joe", [], default);

    [Fact]
    public void CheckQueue_EachRight_GoesByItsOwnPattern()
    {
        var rights = Of("^c", "^w", "^r");

        Assert.Null(rights.CheckQueue(Right.Configure, "c1"));
        Assert.Null(rights.CheckQueue(Right.Write, "w1"));
        Assert.Null(rights.CheckQueue(Right.Read, "r1"));
        Assert.Equal(Refused("configure access to queue 'w1' in vhost '/v' refused for user 'joe'"), rights.CheckQueue(Right.Configure, "w1"));
        Assert.Equal(Refused("write access to queue 'r1' in vhost '/v' refused for user 'joe'"), rights.CheckQueue(Right.Write, "r1"));
        Assert.Equal(Refused("read access to queue 'c1' in vhost '/v' refused for user 'joe'"), rights.CheckQueue(Right.Read, "c1"));
    }

    [Fact]
    public void CheckExchange_Default_IsAmqDefault()
    {
        Assert.Null(Of("", "^amq\\.default$", "").CheckExchange(Right.Write, ""));
        Assert.Equal(Refused("write access to exchange 'amq.default' in vhost '/v' refused for user 'joe'"), Of("", "^x$", "").CheckExchange(Right.Write, ""));
    }

    [Fact]
    public void CheckPublish_AgainAndAgain_IsAsTheFirstTime()
    {
        var rights = Of("", "^(x|amq\\.default)$", "");
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(rights.CheckPublish("x"u8));
            Assert.Null(rights.CheckPublish(""u8));
            Assert.Equal(Refused("write access to exchange 'y' in vhost '/v' refused for user 'joe'"), rights.CheckPublish("y"u8));
        }
    }

    [Fact]
    public void CheckPublish_ToMoreExchangesThanAreRemembered_IsStillRight()
    {
        var rights = Of("", "^x", "");
        for (var i = 0; i < 1000; i++)
        {
            Assert.Null(rights.CheckPublish(Encoding.UTF8.GetBytes($"x{i % 500}")));
            Assert.NotNull(rights.CheckPublish(Encoding.UTF8.GetBytes($"y{i % 500}")));
        }
    }

    [Theory]
    [InlineData("^q$", "", "")]
    [InlineData("", "^q$", "")]
    [InlineData("", "", "^q$")]
    public void CheckAny_WithOneOfTheThree_IsAllowed(string configure, string write, string read)
    {
        Assert.Null(Of(configure, write, read).CheckAnyOfQueue("q"));
        Assert.Null(Of(configure, write, read).CheckAnyOfExchange("q"));
        Assert.Equal(Refused("configure access to queue 'p' in vhost '/v' refused for user 'joe'"), Of(configure, write, read).CheckAnyOfQueue("p"));
        Assert.Equal(Refused("configure access to exchange 'p' in vhost '/v' refused for user 'joe'"), Of(configure, write, read).CheckAnyOfExchange("p"));
    }

    [Fact]
    public void CheckTopic_WithoutAPermissionForTheExchange_AllowsAll()
    {
        var rights = Of(".*", ".*", ".*", new TopicPermission("joe", "/v", "other", "", ""));

        Assert.Null(rights.CheckTopic(Right.Write, "amq.topic", "a.b"));
        Assert.False(rights.LimitsTopics("amq.topic"));
        Assert.True(rights.LimitsTopics("other"));
    }

    [Fact]
    public void CheckTopic_WithAPermission_GoesByItsPatterns()
    {
        var rights = Of(".*", ".*", ".*", new TopicPermission("joe", "/v", "amq.topic", "^w\\.", "^r\\."));

        Assert.Null(rights.CheckTopic(Right.Write, "amq.topic", "w.1"));
        Assert.Null(rights.CheckTopic(Right.Read, "amq.topic", "r.1"));
        Assert.Equal(
            Refused("write access to topic 'r.1' in exchange 'amq.topic' in vhost '/v' refused for user 'joe'"), rights.CheckTopic(Right.Write, "amq.topic", "r.1"));
        Assert.Equal(
            Refused("read access to topic 'w.1' in exchange 'amq.topic' in vhost '/v' refused for user 'joe'"), rights.CheckTopic(Right.Read, "amq.topic", "w.1"));
    }

    [Fact]
    public void CheckTopic_Variables_AreTheUsersOwnAndNoPatterns()
    {
        var user = new KnownUser(".*", [], default);
        var rights = new Rights(
            ".*", "/v", user, new Vhost("/v"), Permission.Full(".*", "/v"), [new TopicPermission(".*", "/v", "amq.topic", @"^{vhost}\.{username}$", "")]);

        Assert.Null(rights.CheckTopic(Right.Write, "amq.topic", "/v..*"));
        Assert.NotNull(rights.CheckTopic(Right.Write, "amq.topic", "/v.anything"));
    }

    [Fact]
    public void CheckEntry_SaysWhatIsMissing()
    {
        var vhost = new Vhost("/v");
        Assert.Null(Of("", "", "").CheckEntry());
        Assert.Equal(new BrokerError(ReplyCode.NotAllowed, "access to vhost '/v' refused for user 'joe'"), new Rights("joe", "/v", Joe, vhost, null, []).CheckEntry());
        Assert.Equal(new BrokerError(ReplyCode.NotAllowed, "vhost /v not found"), new Rights("joe", "/v", Joe, null, null, []).CheckEntry());
        Assert.Equal(
            new BrokerError(ReplyCode.NotAllowed, "vhost /v not found"), new Rights("joe", "/v", Joe, vhost with { IsBeingDeleted = true }, null, []).CheckEntry());
    }

    [Fact]
    public void WhyClosed_SaysWhatIsDeleted()
    {
        var (vhost, full) = (new Vhost("/v"), Permission.Full("joe", "/v"));
        Assert.Null(new Rights("joe", "/v", Joe, vhost, null, []).WhyClosed);
        Assert.Equal("user 'joe' is deleted", new Rights("joe", "/v", null, vhost, full, []).WhyClosed);
        Assert.Equal("vhost '/v' is deleted", new Rights("joe", "/v", Joe, null, full, []).WhyClosed);
        Assert.NotNull(new Rights("joe", "/v", null, vhost, full, []).CheckQueue(Right.Read, "q"));
    }

    [Fact]
    public void Impersonator_IsByItsTag()
    {
        Assert.False(Of("", "", "").IsImpersonator);
        Assert.True(new Rights("joe", "/v", Joe with { Tags = ["impersonator"] }, new Vhost("/v"), null, []).IsImpersonator);
    }

    private static Rights Of(string configure, string write, string read, params TopicPermission[] topics) =>
        new("joe", "/v", Joe, new Vhost("/v"), new Permission("joe", "/v", configure, write, read), topics);

    private static BrokerError Refused(string text) => new(ReplyCode.AccessRefused, text);
}
