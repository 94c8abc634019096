using System.CommandLine;
using Granary.Bench.Amqp;
using Granary.Bench.Commands;

namespace Granary.Bench.Tests;

public class EndpointTests
{
    [Theory]
    [InlineData("amqp://host", "host", 5672, "guest", "guest", "/")]
    [InlineData("amqp://u:p%40ss@host:99/a%2Fb", "host", 99, "u", "p@ss", "a/b")]
    [InlineData("amqp://u@[::1]/%2F", "::1", 5672, "u", "guest", "/")]
    public void TryParse_Uri_GivesItsParts(string text, string host, int port, string user, string password, string vhost)
    {
        Assert.True(Endpoint.TryParse(text, out var endpoint, out _));
        Assert.Equal(new Endpoint(host, port, user, password, vhost), endpoint);
    }

    [Theory]
    [InlineData("grpc://host", 50051)]
    [InlineData("grpc://host:7/", 7)]
    public void TryParse_GrpcUri_HasItsOwnPort(string text, int port)
    {
        Assert.True(Endpoint.TryParse(text, out var endpoint, out _));
        Assert.Equal(new Endpoint("host", port, "guest", "guest", "/") { IsGrpc = true }, endpoint);
    }

    [Fact]
    public void Login_WithALinesEndAfterIt_IsTakenWithoutIt()
    {
        var options = new EndpointOptions();
        var command = new Command("check");
        options.AddTo(command);

        var endpoint = options.Read(command.Parse(["--user=operator\n", "--password=se cret\r\n"]));

        Assert.Equal(("operator", "se cret"), (endpoint.User, endpoint.Password));
    }

    [Theory]
    [InlineData("host:5672")]
    [InlineData("amqps://host")]
    [InlineData("")]
    public void TryParse_SomethingElse_SaysWhy(string text)
    {
        Assert.False(Endpoint.TryParse(text, out _, out var error));
        Assert.NotEmpty(error);
    }
}
