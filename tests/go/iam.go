// STS and IAM through the AWS SDK for Go, version 2: who calls, entities, pages, documents, waiters,
// errors by their types, and credentials that assume a role.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

const account = "123456789012"

const look = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*"}]}`

var background = context.Background()

// A caller with clients of both services.
type caller struct {
	iam *iam.Client
	sts *sts.Client
}

func (c caller) arn() string {
	me := must(c.sts.GetCallerIdentity(background, &sts.GetCallerIdentityInput{}))
	check(*me.Account == account, "account %s", *me.Account)
	return *me.Arn
}

func with(provider aws.CredentialsProvider) caller {
	endpoint := func(service, region string, _ ...interface{}) (aws.Endpoint, error) {
		return aws.Endpoint{URL: os.Getenv("DAYPASS_URL"), SigningRegion: region}, nil
	}
	options := []func(*config.LoadOptions) error{
		config.WithEndpointResolverWithOptions(aws.EndpointResolverWithOptionsFunc(endpoint)),
	}
	if provider != nil {
		options = append(options, config.WithCredentialsProvider(provider))
	}
	loaded := must(config.LoadDefaultConfig(background, options...))
	return caller{iam.NewFromConfig(loaded), sts.NewFromConfig(loaded)}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Panicf("a call failed: %v", err)
	}
	return value
}

func check(holds bool, format string, values ...interface{}) {
	if !holds {
		log.Panicf(format, values...)
	}
}

// refused checks that a call failed with that code and status.
func refused(err error, code string, status int) {
	var api smithy.APIError
	check(errors.As(err, &api), "not refused with %s: %v", code, err)
	check(api.ErrorCode() == code, "%s rather than %v", code, err)
	check(api.ErrorFault() != smithy.FaultServer, "the server's fault: %v", err)
	var response *awshttp.ResponseError
	check(errors.As(err, &response), "no response: %v", err)
	check(response.HTTPStatusCode() == status, "status %d of %v", response.HTTPStatusCode(), err)
	check(len(response.ServiceRequestID()) == 36, "no request id: %v", err)
}

// typed checks that a call failed with the type that the SDK has for that code.
func typed[T error](err error, code string, status int) {
	var want T
	check(errors.As(err, &want), "%v is no %T", err, want)
	refused(err, code, status)
}

// document decodes a policy as replies carry it.
func document(encoded *string) map[string]interface{} {
	check(encoded != nil && strings.HasPrefix(*encoded, "%7B"), "not encoded: %v", encoded)
	text := must(url.QueryUnescape(*encoded))
	var decoded map[string]interface{}
	err := json.Unmarshal([]byte(text), &decoded)
	check(err == nil, "%v: %s", err, text)
	return decoded
}

func main() {
	log.SetFlags(0)
	// The profile of the files that the server wrote.
	admin := with(nil)
	check(admin.arn() == "arn:aws:iam::"+account+":user/admin", "%s", admin.arn())

	users(admin)
	alice := roles(admin)
	sessions(alice)
	fmt.Println("all checks passed")
}

func users(admin caller) {
	for number := 0; number < 5; number++ {
		name := fmt.Sprintf("user-%d", number)
		made := must(admin.iam.CreateUser(background, &iam.CreateUserInput{
			UserName: &name, Path: aws.String("/go/"),
			Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("grün + blau")}},
		}))
		check(*made.User.Arn == "arn:aws:iam::"+account+":user/go/"+name, "%s", *made.User.Arn)
		check(time.Since(*made.User.CreateDate) < time.Hour, "%v", made.User.CreateDate)
	}
	pages := iam.NewListUsersPaginator(admin.iam, &iam.ListUsersInput{
		PathPrefix: aws.String("/go/"), MaxItems: aws.Int32(2),
	})
	var names []string
	var sizes []int
	for pages.HasMorePages() {
		page := must(pages.NextPage(background))
		for _, user := range page.Users {
			names = append(names, *user.UserName)
		}
		sizes = append(sizes, len(page.Users))
	}
	check(strings.Join(names, " ") == "user-0 user-1 user-2 user-3 user-4", "%v", names)
	check(fmt.Sprint(sizes) == "[2 2 1]", "%v", sizes)

	exists := iam.NewUserExistsWaiter(admin.iam)
	user := &iam.GetUserInput{UserName: aws.String("user-0")}
	got := must(exists.WaitForOutput(background, user, time.Minute))
	check(*got.User.Tags[0].Value == "grün + blau", "%v", got.User.Tags)

	_, err := admin.iam.GetUser(background, &iam.GetUserInput{UserName: aws.String("nobody")})
	typed[*types.NoSuchEntityException](err, "NoSuchEntity", 404)
	_, err = admin.iam.CreateUser(background, &iam.CreateUserInput{UserName: aws.String("USER-0")})
	typed[*types.EntityAlreadyExistsException](err, "EntityAlreadyExists", 409)
	_, err = admin.iam.CreateUser(background, &iam.CreateUserInput{UserName: aws.String("no/name")})
	refused(err, "ValidationError", 400)
	_, err = admin.iam.ListServerCertificates(background, &iam.ListServerCertificatesInput{})
	refused(err, "InvalidAction", 400)
}

// roles makes a role and a user who may assume it, and returns the user.
func roles(admin caller) caller {
	made := must(admin.iam.CreateUser(background, &iam.CreateUserInput{UserName: aws.String("alice")}))
	key := must(admin.iam.CreateAccessKey(background, &iam.CreateAccessKeyInput{
		UserName: aws.String("alice"),
	})).AccessKey
	check(key.Status == types.StatusTypeActive, "%v", key.Status)
	_, err := admin.iam.DeleteUser(background, &iam.DeleteUserInput{UserName: aws.String("alice")})
	typed[*types.DeleteConflictException](err, "DeleteConflict", 409)

	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",` +
		`"Principal":{"AWS":"` + *made.User.Arn + `"},` +
		`"Condition":{"StringEquals":{"sts:ExternalId":"a+b=/@"}}}]}`
	_, err = admin.iam.CreateRole(background, &iam.CreateRoleInput{
		RoleName: aws.String("reader"), AssumeRolePolicyDocument: aws.String(`{"Statement":1}`),
	})
	typed[*types.MalformedPolicyDocumentException](err, "MalformedPolicyDocument", 400)
	must(admin.iam.CreateRole(background, &iam.CreateRoleInput{
		RoleName: aws.String("reader"), AssumeRolePolicyDocument: &trust,
		MaxSessionDuration: aws.Int32(7200),
	}))
	role := must(admin.iam.GetRole(background, &iam.GetRoleInput{RoleName: aws.String("reader")})).Role
	check(*role.MaxSessionDuration == 7200, "%v", *role.MaxSessionDuration)
	statement := document(role.AssumeRolePolicyDocument)["Statement"].([]interface{})[0]
	inside := statement.(map[string]interface{})
	check(inside["Principal"].(map[string]interface{})["AWS"] == *made.User.Arn, "%v", inside)
	asked := inside["Condition"].(map[string]interface{})["StringEquals"].(map[string]interface{})
	check(asked["sts:ExternalId"] == "a+b=/@", "%v", asked)

	policy := must(admin.iam.CreatePolicy(background, &iam.CreatePolicyInput{
		PolicyName: aws.String("look"), PolicyDocument: aws.String(look),
	})).Policy
	must(admin.iam.AttachRolePolicy(background, &iam.AttachRolePolicyInput{
		RoleName: aws.String("reader"), PolicyArn: policy.Arn,
	}))
	version := must(admin.iam.GetPolicyVersion(background, &iam.GetPolicyVersionInput{
		PolicyArn: policy.Arn, VersionId: policy.DefaultVersionId,
	})).PolicyVersion
	check(version.IsDefaultVersion, "%v", version)
	check(document(version.Document)["Version"] == "2012-10-17", "%s", *version.Document)
	details := must(admin.iam.GetAccountAuthorizationDetails(background,
		&iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeRole}}))
	check(len(details.RoleDetailList) == 1 && len(details.UserDetailList) == 0, "%v", details)
	check(*details.RoleDetailList[0].AttachedManagedPolicies[0].PolicyName == "look", "%v", details)
	return with(credentials.NewStaticCredentialsProvider(*key.AccessKeyId, *key.SecretAccessKey, ""))
}

func sessions(alice caller) {
	check(alice.arn() == "arn:aws:iam::"+account+":user/alice", "%s", alice.arn())
	_, err := alice.iam.ListRoles(background, &iam.ListRolesInput{})
	refused(err, "AccessDenied", 403)
	role := "arn:aws:iam::" + account + ":role/reader"
	assume := func(options *stscreds.AssumeRoleOptions) {
		options.RoleSessionName = "from-go"
		options.ExternalID = aws.String("a+b=/@")
		options.Duration = 15 * time.Minute
	}
	provider := aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(alice.sts, role, assume))
	reader := with(provider)
	want := "arn:aws:sts::" + account + ":assumed-role/reader/from-go"
	check(reader.arn() == want, "%s", reader.arn())
	given := must(provider.Retrieve(background))
	left := time.Until(given.Expires)
	check(given.CanExpire && left > 10*time.Minute && left < 16*time.Minute, "%v", given.Expires)
	listed := must(reader.iam.ListRoles(background, &iam.ListRolesInput{}))
	check(len(listed.Roles) == 1 && *listed.Roles[0].RoleName == "reader", "%v", listed.Roles)
	_, err = reader.iam.ListUsers(background, &iam.ListUsersInput{})
	refused(err, "AccessDenied", 403)
	check(strings.Contains(err.Error(), want+" is not authorized to perform: iam:ListUsers"), "%v", err)

	_, err = alice.sts.AssumeRole(background, &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: aws.String("no-external-id"),
	})
	refused(err, "AccessDenied", 403)
	wrong := given
	wrong.SecretAccessKey = strings.Repeat("x", 40)
	forged := with(credentials.StaticCredentialsProvider{Value: wrong})
	_, err = forged.sts.GetCallerIdentity(background, &sts.GetCallerIdentityInput{})
	refused(err, "SignatureDoesNotMatch", 403)
	session := must(alice.sts.GetSessionToken(background, &sts.GetSessionTokenInput{
		DurationSeconds: aws.Int32(900),
	})).Credentials
	mine := with(credentials.NewStaticCredentialsProvider(
		*session.AccessKeyId, *session.SecretAccessKey, *session.SessionToken))
	check(mine.arn() == alice.arn(), "%s", mine.arn())
	_, err = mine.iam.GetUser(background, &iam.GetUserInput{})
	refused(err, "InvalidClientTokenId", 403)
}
