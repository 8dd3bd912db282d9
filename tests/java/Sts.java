import com.amazonaws.AmazonServiceException;
import com.amazonaws.ClientConfiguration;
import com.amazonaws.DefaultRequest;
import com.amazonaws.auth.AWS4Signer;
import com.amazonaws.auth.AWSCredentials;
import com.amazonaws.auth.AWSCredentialsProvider;
import com.amazonaws.auth.AWSSessionCredentials;
import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.auth.BasicSessionCredentials;
import com.amazonaws.auth.DefaultAWSCredentialsProviderChain;
import com.amazonaws.auth.STSAssumeRoleSessionCredentialsProvider;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.http.AmazonHttpClient;
import com.amazonaws.http.DefaultErrorResponseHandler;
import com.amazonaws.http.ExecutionContext;
import com.amazonaws.http.HttpMethodName;
import com.amazonaws.http.HttpResponse;
import com.amazonaws.http.HttpResponseHandler;
import com.amazonaws.services.kms.AWSKMS;
import com.amazonaws.services.kms.AWSKMSClientBuilder;
import com.amazonaws.services.securitytoken.AWSSecurityTokenService;
import com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder;
import com.amazonaws.services.securitytoken.model.AssumeRoleRequest;
import com.amazonaws.services.securitytoken.model.Credentials;
import com.amazonaws.services.securitytoken.model.GetCallerIdentityRequest;
import com.amazonaws.services.securitytoken.model.GetSessionTokenRequest;
import com.amazonaws.services.securitytoken.model.MalformedPolicyDocumentException;
import com.amazonaws.transform.StandardErrorUnmarshaller;
import com.amazonaws.util.IOUtils;
import java.net.URI;
import java.util.Date;
import java.util.List;
import java.util.Map;

/**
 * STS through the AWS SDK for Java, version 1: who calls, sessions, credentials that assume a role,
 * and errors; IAM through the SDK's core, which signs and sends whatever service it is; and another
 * service, which is refused in the words of its protocol.
 */
public final class Sts {
  private static final String ACCOUNT = "123456789012";
  private static final String REGION = "eu-west-1";
  private static final String URL = System.getenv("DAYPASS_URL");
  private static final EndpointConfiguration ENDPOINT = new EndpointConfiguration(URL, REGION);
  private static final String ROLE = "arn:aws:iam::" + ACCOUNT + ":role/java-reader";

  private static AWSSecurityTokenService sts(AWSCredentialsProvider credentials) {
    return AWSSecurityTokenServiceClientBuilder.standard()
        .withEndpointConfiguration(ENDPOINT).withCredentials(credentials).build();
  }

  private static String whoami(AWSSecurityTokenService sts) {
    var me = sts.getCallerIdentity(new GetCallerIdentityRequest());
    check(me.getAccount().equals(ACCOUNT), me);
    return me.getArn();
  }

  /** A call of IAM, by the parts of the SDK that all its clients share. */
  private static String iam(AWSCredentialsProvider provider, Map<String, String> parameters) {
    var request = new DefaultRequest<Void>("iam");
    request.setHttpMethod(HttpMethodName.POST);
    request.setEndpoint(URI.create(URL));
    request.setResourcePath("/");
    request.addParameter("Version", "2010-05-08");
    parameters.forEach(request::addParameter);
    var signer = new AWS4Signer();
    signer.setServiceName("iam");
    signer.setRegionName(REGION);
    signer.sign(request, provider.getCredentials());
    var text = new HttpResponseHandler<String>() {
      @Override
      public String handle(HttpResponse response) throws Exception {
        return IOUtils.toString(response.getContent());
      }

      @Override
      public boolean needsConnectionLeftOpen() {
        return false;
      }
    };
    var errors = new DefaultErrorResponseHandler(List.of(new StandardErrorUnmarshaller()));
    return new AmazonHttpClient(new ClientConfiguration()).requestExecutionBuilder()
        .request(request).executionContext(new ExecutionContext()).errorResponseHandler(errors)
        .execute(text).getAwsResponse();
  }

  public static void main(String[] arguments) {
    // Keys from the environment.
    var admin = DefaultAWSCredentialsProviderChain.getInstance();
    check(whoami(sts(admin)).equals("arn:aws:iam::" + ACCOUNT + ":user/admin"), "admin");

    check(iam(admin, Map.of("Action", "CreateUser", "UserName", "jo", "Path", "/java/"))
        .contains("<Arn>arn:aws:iam::" + ACCOUNT + ":user/java/jo</Arn>"), "CreateUser");
    String key = iam(admin, Map.of("Action", "CreateAccessKey", "UserName", "jo"));
    String trust = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
        + "\"Principal\":{\"AWS\":\"arn:aws:iam::" + ACCOUNT + ":user/java/jo\"},"
        + "\"Action\":\"sts:AssumeRole\"}]}";
    iam(admin, Map.of("Action", "CreateRole", "RoleName", "java-reader",
        "AssumeRolePolicyDocument", trust, "Description", "reads + ~ * ünïcode"));
    check(iam(admin, Map.of("Action", "GetRole", "RoleName", "java-reader"))
        .contains("<Description>reads + ~ * ünïcode</Description>"), "GetRole");
    refused("NoSuchEntity", 404, () -> iam(admin, Map.of("Action", "GetUser", "UserName", "no")));
    refused("EntityAlreadyExists", 409,
        () -> iam(admin, Map.of("Action", "CreateUser", "UserName", "JO")));
    refused("InvalidAction", 400, () -> iam(admin, Map.of("Action", "ListServerCertificates")));

    var jo = new AWSStaticCredentialsProvider(
        new BasicAWSCredentials(text(key, "AccessKeyId"), text(key, "SecretAccessKey")));
    AWSSecurityTokenService mine = sts(jo);
    check(whoami(mine).equals("arn:aws:iam::" + ACCOUNT + ":user/java/jo"), "jo");
    refused("AccessDenied", 403, () -> iam(jo, Map.of("Action", "ListUsers")));

    Credentials session = mine.getSessionToken(new GetSessionTokenRequest().withDurationSeconds(900))
        .getCredentials();
    long left = session.getExpiration().getTime() - new Date().getTime();
    check(left > 600_000 && left <= 910_000, session.getExpiration());
    var temporary = new BasicSessionCredentials(
        session.getAccessKeyId(), session.getSecretAccessKey(), session.getSessionToken());
    check(whoami(sts(new AWSStaticCredentialsProvider(temporary))).equals(whoami(mine)), "session");

    var reader = new STSAssumeRoleSessionCredentialsProvider.Builder(ROLE, "from-java")
        .withStsClient(mine).withRoleSessionDurationSeconds(900).build();
    String assumed = "arn:aws:sts::" + ACCOUNT + ":assumed-role/java-reader/from-java";
    check(whoami(sts(reader)).equals(assumed), "the role");
    AWSSessionCredentials first = reader.getCredentials();
    check(first == reader.getCredentials(), "credentials are kept");
    reader.refresh();
    check(!first.getAWSAccessKeyId().equals(reader.getCredentials().getAWSAccessKeyId()), "new");
    refused("AccessDenied", 403, () -> iam(reader, Map.of("Action", "ListUsers")));

    refused("AccessDenied", 403, () -> mine.assumeRole(new AssumeRoleRequest()
        .withRoleArn(ROLE + "-not").withRoleSessionName("none")));
    refused("ValidationError", 400, () -> mine.assumeRole(new AssumeRoleRequest()
        .withRoleArn(ROLE).withRoleSessionName("a b")));
    var malformed = refused("MalformedPolicyDocument", 400,
        () -> mine.assumeRole(new AssumeRoleRequest()
            .withRoleArn(ROLE).withRoleSessionName("bad").withPolicy("{}}")));
    check(malformed instanceof MalformedPolicyDocumentException, malformed);
    AWSCredentials wrong = new BasicAWSCredentials(text(key, "AccessKeyId"), "x".repeat(40));
    refused("SignatureDoesNotMatch", 403, () -> whoami(sts(new AWSStaticCredentialsProvider(wrong))));

    // Another service, another protocol.
    AWSKMS kms = AWSKMSClientBuilder.standard()
        .withEndpointConfiguration(ENDPOINT).withCredentials(admin).build();
    refused("UnknownOperationException", 400, kms::listKeys);
    System.out.println("all checks passed");
  }

  private static AmazonServiceException refused(String code, int status, Runnable call) {
    try {
      call.run();
    } catch (AmazonServiceException error) {
      check(error.getErrorCode().equals(code) && error.getStatusCode() == status, error);
      check(error.getErrorType() == AmazonServiceException.ErrorType.Client, error);
      check(error.getRequestId() != null && error.getRequestId().length() == 36, error);
      return error;
    }
    throw new AssertionError("should have been refused with " + code);
  }

  private static String text(String xml, String element) {
    return xml.split("<" + element + ">", 2)[1].split("</" + element + ">", 2)[0];
  }

  private static void check(boolean holds, Object what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }
}
