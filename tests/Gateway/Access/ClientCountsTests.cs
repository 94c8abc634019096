using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Gateway.Access;
using Granary.Gateway.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Access;

public sealed class ClientCountsTests
{
    private readonly ClientCounts _counts = new(new FakeClock(), NullLogger<ClientCounts>.Instance);

    [Theory]
    [InlineData(null, 3, true)]
    [InlineData(-1L, 3, true)]
    [InlineData(3L, 3, true)]
    [InlineData(2L, 3, false)]
    [InlineData(0L, 1, false)]
    public async Task Connection_BeyondTheLimitOfItsVhost_IsRefused(long? most, int entered, bool isTaken)
    {
        for (var i = 0; i < entered; i++)
        {
            _counts.Enter($"user {i}", "/v");
        }

        _counts.Enter("joe", "/other");
        Assert.Equal(
            isTaken ? null : new BrokerError(ReplyCode.NotAllowed, $"access to vhost '/v' refused for user 'joe': connection limit ({most}) is reached"),
            await _counts.CheckAsync(Of(new VhostLimits(most, null), default), default));
    }

    [Fact]
    public async Task Connection_BeyondTheLimitOfItsUser_IsRefusedUntilOneLeaves()
    {
        var rights = Of(default, new UserLimits(1, null));
        _counts.Enter("joe", "/v");
        _counts.Enter("joe", "/other");
        Assert.Equal(
            new BrokerError(ReplyCode.NotAllowed, "connection refused for user 'joe': user connection limit (1) is reached"), await _counts.CheckAsync(rights, default));

        _counts.Leave("joe", "/other");

        Assert.Null(await _counts.CheckAsync(rights, default));
        Assert.Equal((1, 0), (_counts.CountConnections(null, "joe"), _counts.CountConnections("/other", null)));
    }

    private static Rights Of(VhostLimits ofVhost, UserLimits ofUser) =>
        new("joe", "/v", new KnownUser("joe", [], ofUser), new Vhost("/v") { Limits = ofVhost }, Permission.Full("joe", "/v"), []);
}
