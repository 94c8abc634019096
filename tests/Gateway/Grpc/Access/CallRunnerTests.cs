using System.Net;
using System.Text;
using Granary.Core.Access;
using Granary.Gateway.Access;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Logs;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Tests.Grpc.Access;

/// <summary>What goes wrong in a call, as its client and the log hear of it.</summary>
public sealed class CallRunnerTests : IDisposable
{
    private const int Failed = 1502;
    private const int LoginRefused = 1505;

    private readonly WatchedLog _watched = new();

    [Fact]
    public async Task Run_ClientResetsItsStreamBeforeTheTokenKnows_IsCancelledAndNoError()
    {
        var status = await RunAsync(new IOException("The client reset the request stream."));

        Assert.Equal(StatusCode.Cancelled, status.StatusCode);
    }

    [Fact]
    public async Task Run_DefectInTheCall_IsInternalAndLogged()
    {
        _watched.Allow([Failed]);

        var status = await RunAsync(new InvalidOperationException("a defect"));

        Assert.Equal(StatusCode.Internal, status.StatusCode);
    }

    [Fact]
    public async Task Run_OnAConnectionThatHasLoggedIn_AsksAgainForOtherCredentialsAlone()
    {
        _watched.Allow([LoginRefused]);
        var users = new CountingAccess();
        var runner = new CallRunner(new Logins(users, new AuthenticationOptions()), _watched.LoggerOf<CallRunner>());
        var login = new ConnectionLogin();
        await runner.RunAsync(new Call(login), _ => Task.CompletedTask);
        await runner.RunAsync(new Call(login), _ => Task.CompletedTask);
        Assert.Equal(1, users.Asked);

        await Assert.ThrowsAsync<RpcException>(() => runner.RunAsync(new Call(login, "guest:wrong"), _ => Task.CompletedTask));
        await runner.RunAsync(new Call(login), _ => Task.CompletedTask);
        Assert.Equal(2, users.Asked);

        await runner.RunAsync(new Call(new ConnectionLogin()), _ => Task.CompletedTask);
        Assert.Equal(3, users.Asked);
    }

    public void Dispose() => _watched.Check();

    private async Task<Status> RunAsync(Exception failure)
    {
        var runner = new CallRunner(new Logins(new FakeAccess(), new AuthenticationOptions()), _watched.LoggerOf<CallRunner>());
        var thrown = await Assert.ThrowsAsync<RpcException>(() => runner.RunAsync(new Call(), _ => Task.FromException(failure)));
        return thrown.Status;
    }

    private sealed class CountingAccess : IAccess
    {
        private readonly FakeAccess _guest = new();

        public int Asked { get; private set; }

        public bool IsHeld => true;

        public ValueTask<KnownUser?> LogInAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation)
        {
            Asked++;
            return _guest.LogInAsync(user, password, from, cancellation);
        }

        public ValueTask<KnownUser?> AdmitAsync(string user, IPAddress? from, CancellationToken cancellation) => _guest.AdmitAsync(user, from, cancellation);

        public Rights? Find(string user, string vhost) => _guest.Find(user, vhost);

        public ValueTask<Rights> FindAsync(string user, string vhost, CancellationToken cancellation) => _guest.FindAsync(user, vhost, cancellation);

        public void Follow(ClientRights rights) => _guest.Follow(rights);

        public void Leave(ClientRights rights) => _guest.Leave(rights);
    }

    /// <summary>A call of the guest from a loopback address.</summary>
    private sealed class Call : ServerCallContext
    {
        public Call(ConnectionLogin? login = null, string credentials = "guest:guest")
        {
            var http = new DefaultHttpContext();
            http.Connection.RemoteIpAddress = IPAddress.Loopback;
            http.Request.Headers.Authorization = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials));
            http.Features.Set(login);
            UserStateCore["__HttpContext"] = http;
        }

        protected override string MethodCore => "/granary.v1.Messaging/Consume";

        protected override string HostCore => "localhost";

        protected override string PeerCore => "ipv4:127.0.0.1:1";

        protected override DateTime DeadlineCore => DateTime.MaxValue;

        protected override Metadata RequestHeadersCore { get; } = [];

        protected override CancellationToken CancellationTokenCore => CancellationToken.None;

        protected override Metadata ResponseTrailersCore { get; } = [];

        protected override Status StatusCore { get; set; }

        protected override WriteOptions? WriteOptionsCore { get; set; }

        protected override AuthContext AuthContextCore { get; } = new("", []);

        protected override IDictionary<object, object> UserStateCore { get; } = new Dictionary<object, object>();

        protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;

        protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => throw new NotSupportedException();
    }
}
