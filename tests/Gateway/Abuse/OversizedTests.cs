using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Granary.Testing.Unkind;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>Requests that are too large: they are refused with a reason, and are not read to their end.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
[Collection(AbusedBroker.Collection)]
public sealed class OversizedTests(AbusedBroker broker)
{
    private const string Login = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n";

    /// <summary>Octets of a body, as <c>docs/security.md</c> says.</summary>
    private const int LargestBody = 20_000_000;

    [Theory]
    [InlineData("POST /api/definitions")]
    [InlineData("PUT /api/queues/%2F/large")]
    [InlineData("POST /api/exchanges/%2F/amq.default/publish")]
    [InlineData("PUT /api/policies/%2F/large")]
    [InlineData("PUT /api/users/large")]
    public async Task Body_ThatSaysItIsTooLarge_IsRefusedBeforeItComes(string asked)
    {
        foreach (var length in new[] { LargestBody + 1, 1L << 50 })
        {
            var answer = await AskAsync($"{asked} HTTP/1.1\r\nHost: x\r\n{Login}Content-Length: {length.ToString(CultureInfo.InvariantCulture)}\r\n\r\n");
            Assert.Equal((413, true), (answer.Status, answer.Body.Contains("\"reason\":\"Request body too large.", StringComparison.Ordinal)));
        }

        broker.CheckLog();
    }

    [Fact]
    public async Task Body_WithoutALogin_IsNotReadAtAll()
    {
        var answer = await AskAsync($"POST /api/definitions HTTP/1.1\r\nHost: x\r\nContent-Length: {LargestBody.ToString(CultureInfo.InvariantCulture)}\r\n\r\n");
        Assert.Equal(401, answer.Status);
        broker.CheckLog();
    }

    [Fact]
    public async Task Login_WithALargeBody_IsRefusedBeforeItComes()
    {
        var answer = await AskAsync($"POST /api/login HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nX-Granary-Page: 1\r\nContent-Length: {LargestBody.ToString(CultureInfo.InvariantCulture)}\r\n\r\n");
        Assert.Equal((400, true), (answer.Status, answer.Body.Contains("A login is a small JSON object with its length", StringComparison.Ordinal)));
        broker.CheckLog();
    }

    [Fact]
    public async Task Bodies_InChunksWithoutAnEnd_AreReadNoFurtherThanTheLimit()
    {
        // While it grows, what has been read of a body takes up to three times as much.
        const int AtATime = 4, MostSent = 3 * LargestBody, MostGrowth = AtATime * 3 * LargestBody;
        var before = await broker.LookAsync();
        await using var others = OtherClients.Of(broker.Broker);

        await Task.WhenAll(Enumerable.Range(0, AtATime).Select(async _ =>
        {
            using var socket = await RawHttp.ConnectAsync(broker.Broker.HttpPort);
            await socket.SendAsync(Encoding.ASCII.GetBytes($"POST /api/definitions HTTP/1.1\r\nHost: x\r\n{Login}Transfer-Encoding: chunked\r\n\r\n"));
            byte[] chunk = [.. "10000\r\n"u8, .. Enumerable.Repeat((byte)'[', 0x10000), .. "\r\n"u8];
            var (sent, answer) = (0, RawHttp.ReadAsync(socket));
            try
            {
                while (!answer.IsCompleted)
                {
                    await socket.SendAsync(chunk);
                    sent += chunk.Length;
                    Assert.True(sent < MostSent, $"{sent} octets were taken");
                }
            }
            catch (SocketException)
            {
                // Closed, as it should be.
            }

            Assert.Contains((await answer).Status, (int[])[413, 0]);
        }));

        await others.StopAsync();
        var after = await broker.LookAsync();
        Assert.InRange(after.ResidentBytes - before.ResidentBytes, long.MinValue, MostGrowth);
        broker.CheckLog();
    }

    [Theory]
    [InlineData("header", 431)]
    [InlineData("headers", 431)]
    [InlineData("path", 414)]
    [InlineData("method", 414)]
    [InlineData("credentials", 401)]
    public async Task Head_ThatIsTooLarge_IsRefused(string part, int status)
    {
        var head = part switch
        {
            "header" => $"GET /api/overview HTTP/1.1\r\nHost: x\r\nX: {new string('a', 40_000)}\r\n\r\n",
            "headers" => $"GET /api/overview HTTP/1.1\r\nHost: x\r\n{string.Concat(Enumerable.Range(0, 200).Select(static i => $"X-{i.ToString(CultureInfo.InvariantCulture)}: y\r\n"))}\r\n",
            "path" => $"GET /api/{new string('a', 20_000)} HTTP/1.1\r\nHost: x\r\n\r\n",
            "method" => $"{new string('A', 20_000)} /api/overview HTTP/1.1\r\nHost: x\r\n\r\n",
            _ => $"GET /api/overview HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {new string('A', 30_000)}\r\nConnection: close\r\n\r\n",
        };
        Assert.Equal(status, (await AskAsync(head)).Status);
        broker.CheckLog();
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{\"a\":")]
    public async Task Json_ThatIsNestedByTheThousand_IsRefused(string level)
    {
        var body = string.Concat(Enumerable.Repeat(level, 200_000));
        foreach (var asked in new[] { "PUT /api/queues/%2F/deep", "PUT /api/policies/%2F/deep", "PUT /api/global-parameters/deep", "POST /api/definitions", "POST /api/exchanges/%2F/amq.default/publish" })
        {
            var answer = await AskAsync($"{asked} HTTP/1.1\r\nHost: x\r\n{Login}Connection: close\r\nContent-Length: {body.Length.ToString(CultureInfo.InvariantCulture)}\r\n\r\n{body}");
            Assert.Equal((asked, 400, true), (asked, answer.Status, answer.Body.Contains("\"reason\":\"", StringComparison.Ordinal)));
        }

        broker.CheckLog();
    }

    private Task<RawAnswer> AskAsync(string request) => RawHttp.AskAsync(broker.Broker.HttpPort, Encoding.ASCII.GetBytes(request));
}
